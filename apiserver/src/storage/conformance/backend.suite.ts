/** What every backend must do. Run by `*.integration.test.ts` files, once for each implementation. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import fc from 'fast-check';
import type { Backend, ChangeEvent, Entry, KeyRange, Revision, WatchBatch, WriteResult } from '../backend.ts';
import { rangeOfPrefix } from '../keys.ts';

export interface BackendFixture {
  /** Opens the same store again and again; one at a time. */
  open(): Promise<Backend>;
  dispose(): Promise<void>;
  /** The shortest lifetime that the backend keeps apart from "at once". */
  readonly ttlMs: number;
  /** How `write-until-killed.ts` opens the same store; undefined for one that lives in this process alone. */
  readonly childArguments: readonly string[] | undefined;
}

const neverAborted = new AbortController().signal;
const writerScript = fileURLToPath(new URL('./write-until-killed.ts', import.meta.url));

export function describeBackend(
  name: string,
  createFixture: () => Promise<BackendFixture>,
  { skip, isInMemory = false }: { readonly skip?: string; readonly isInMemory?: boolean } = {},
): void {
  const title = skip === undefined ? `backend: ${name}` : `backend: ${name} (skipped: ${skip})`;
  (skip === undefined ? describe : describe.skip)(title, () => {
    let fixture: BackendFixture;
    let backend: Backend;
    let prefix = '';
    let count = 0;

    beforeAll(async () => {
      fixture = await createFixture();
      backend = await fixture.open();
    }, 30_000);
    afterAll(async () => {
      await backend?.close();
      await fixture?.dispose();
    });
    beforeEach(() => {
      prefix = `/registry/suite/test${count++}/`;
    });

    const all = (): KeyRange => rangeOfPrefix(prefix);
    const write = (key: string, value: string, expected: Revision = 0n, ttlMs?: number) =>
      backend.write(prefix + key, Buffer.from(value), expected, {
        signal: neverAborted,
        cause: `{"verb":"${key}"}`,
        ...(ttlMs === undefined ? {} : { ttlMs }),
      });
    const remove = (key: string, expected: Revision) =>
      backend.remove(prefix + key, expected, { signal: neverAborted, cause: '{"verb":"delete"}' });
    const get = async (key: string, at?: Revision) =>
      (await backend.get(prefix + key, { signal: neverAborted, ...(at === undefined ? {} : { at }) })).entry;
    const list = (at?: Revision, limit = 0, from = prefix) =>
      backend.list({ from, to: all().to }, { limit, signal: neverAborted, ...(at === undefined ? {} : { at }) });
    const head = async () => (await list()).revision;
    const watchUntil = (after: Revision, until: Revision) => collect(backend, all(), after, until);

    describe('conditional writes', () => {
      it('creates a key once', async () => {
        const first = written(await write('a', 'one'));
        const second = await write('a', 'two');
        expect(second.outcome).toBe('conflict');
        expect(second).toMatchObject({ current: { modRevision: first, createRevision: first } });
        const entry = await get('a');
        expect(entry && text(entry)).toBe('one');
        expect(entry?.cause).toBe('{"verb":"a"}');
      });

      it('updates at the stored revision only', async () => {
        const created = written(await write('a', 'one'));
        const updated = written(await write('a', 'two', created));
        expect(updated).toBeGreaterThan(created);
        const stale = await write('a', 'three', created);
        expect(stale).toMatchObject({
          outcome: 'conflict',
          current: { modRevision: updated, createRevision: created },
        });
        expect(await write('missing', 'x', created)).toEqual({ outcome: 'conflict', current: undefined });
      });

      it('removes at the stored revision only', async () => {
        const created = written(await write('a', 'one'));
        const updated = written(await write('a', 'two', created));
        expect(await remove('a', created)).toMatchObject({ outcome: 'conflict', current: { modRevision: updated } });
        const removed = written(await remove('a', updated));
        expect(removed).toBeGreaterThan(updated);
        expect(await get('a')).toBeUndefined();
        expect(await remove('a', updated)).toEqual({ outcome: 'conflict', current: undefined });
        expect(await remove('never', 0n)).toEqual({ outcome: 'conflict', current: undefined });
        const again = written(await write('a', 'three'));
        expect(await get('a')).toMatchObject({ createRevision: again, modRevision: again });
      });

      it('keeps any bytes', async () => {
        const value = Buffer.from([0, 10, 255, 123, 10, 10, 0]);
        const revision = written(
          await backend.write(`${prefix}b`, value, 0n, { signal: neverAborted, cause: '{"verb":"x"}' }),
        );
        expect(Buffer.from((await get('b'))?.value ?? [])).toEqual(value);
        written(await backend.write(`${prefix}b`, Buffer.alloc(0), revision, { signal: neverAborted, cause: '{}' }));
        expect((await get('b'))?.value).toHaveLength(0);
      });

      it('lets one of many concurrent writers of a key win', async () => {
        let expected = 0n;
        for (let round = 0; round < 10; round++) {
          const results = await Promise.all(
            Array.from({ length: 20 }, (_, i) => write('a', `${round}.${i}`, expected)),
          );
          const winners = results.filter(({ outcome }) => outcome === 'written');
          expect(winners).toHaveLength(1);
          expected = written(winners[0] as WriteResult);
          for (const result of results) {
            if (result.outcome === 'conflict') expect(result.current?.modRevision).toBe(expected);
          }
        }
      });

      it('counts concurrent increments exactly', async () => {
        written(await write('n', '0'));
        const increment = async () => {
          for (;;) {
            const entry = (await get('n')) as Entry;
            const result = await write('n', String(Number(text(entry)) + 1), entry.modRevision);
            if (result.outcome === 'written') return;
          }
        };
        await Promise.all(
          Array.from({ length: 8 }, async () => {
            for (let i = 0; i < 5; i++) await increment();
          }),
        );
        expect(text((await get('n')) as Entry)).toBe('40');
      });
    });

    describe('lists', () => {
      it('pages through one revision while writes go on', async () => {
        for (let i = 0; i < 10; i++) written(await write(`k${i}`, 'old'));
        const first = await list(undefined, 4);
        expect(first.remaining).toBe(6);
        const k5 = (await get('k5')) as Entry;
        written(await write('k5', 'new', k5.modRevision));
        written(await remove('k6', ((await get('k6')) as Entry).modRevision));
        written(await write('k55', 'late'));
        const keys = first.entries.map(({ key }) => key);
        const values = first.entries.map(text);
        let page = first;
        while (page.remaining > 0) {
          page = await list(first.revision, 4, `${page.entries.at(-1)?.key}\0`);
          expect(page.revision).toBe(first.revision);
          keys.push(...page.entries.map(({ key }) => key));
          values.push(...page.entries.map(text));
        }
        expect(keys).toEqual(Array.from({ length: 10 }, (_, i) => `${prefix}k${i}`));
        expect(new Set(values)).toEqual(new Set(['old']));
        expect((await list()).entries.map(text)).toContain('late');
      });

      it('counts what remains, also in the past', async () => {
        const revisions: Revision[] = [];
        for (let i = 0; i < 6; i++) revisions.push(written(await write(`k${i}`, 'x')));
        expect(await list(revisions[3], 1)).toMatchObject({ remaining: 3 });
        expect(await list(revisions[5], 0)).toMatchObject({ remaining: 0 });
        expect((await list(undefined, 6)).remaining).toBe(0);
      });

      it('does not show the neighbours', async () => {
        const stem = prefix.slice(0, -1);
        for (const key of [`${stem}-x/a`, `${stem}/a`, `${stem}0/a`]) {
          written(await backend.write(key, Buffer.from(key), 0n, { signal: neverAborted, cause: '{}' }));
        }
        expect((await list()).entries.map(({ key }) => key)).toEqual([`${prefix}a`]);
      });

      it('gives old versions of one key', async () => {
        const one = written(await write('a', 'one'));
        const two = written(await write('a', 'two', one));
        const gone = written(await remove('a', two));
        const three = written(await write('a', 'three'));
        expect(text((await get('a', one)) as Entry)).toBe('one');
        expect(text((await get('a', two)) as Entry)).toBe('two');
        expect(await get('a', gone)).toBeUndefined();
        expect(text((await get('a', three)) as Entry)).toBe('three');
      });

      it('refuses a revision of the future', async () => {
        const future = (await head()) + 1_000n;
        await expect(list(future)).rejects.toMatchObject({ name: 'StorageError', reason: 'futureRevision' });
        await expect(get('a', future)).rejects.toMatchObject({ reason: 'futureRevision' });
      });

      it('is never at revision 0', async () => {
        expect(await head()).toBeGreaterThan(0n);
      });
    });

    describe('watch', () => {
      it('begins after a revision and shows creates, updates and deletes with their causes', async () => {
        const one = written(await write('a', 'one'));
        const two = written(await write('a', 'two', one));
        const gone = written(await remove('a', two));
        const events = await watchUntil(one, gone);
        expect(events.map(({ type, modRevision }) => [type, modRevision])).toEqual([
          ['put', two],
          ['delete', gone],
        ]);
        expect(events.map(({ cause }) => cause)).toEqual(['{"verb":"a"}', '{"verb":"delete"}']);
        expect(events.map(({ createRevision }) => createRevision)).toEqual([one, one]);
        expect(Buffer.from(events[1]?.value ?? []).toString()).toBe('two');
      });

      it('misses nothing and repeats nothing while many write', async () => {
        const start = await head();
        const stop = new AbortController();
        const seen: ChangeEvent[] = [];
        let reached = start;
        const watching = (async () => {
          for await (const batch of backend.watch(all(), start, stop.signal)) {
            expect(batch.revision).toBeGreaterThanOrEqual(reached);
            reached = batch.revision;
            seen.push(...batch.events);
          }
        })().catch(() => {});
        const revisions: Revision[] = [];
        const writer = async (w: number) => {
          for (let i = 0; i < 30; i++) revisions.push(written(await write(`w${w}-${i}`, 'x')));
        };
        await Promise.all(Array.from({ length: 8 }, (_, w) => writer(w)));
        const wanted = revisions.sort(byRevision);
        await until(() => reached >= (wanted.at(-1) as Revision));
        stop.abort();
        await watching;
        expect(seen.map(({ modRevision }) => modRevision)).toEqual(wanted);
        expect(await watchUntil(start, wanted.at(-1) as Revision)).toEqual(seen);
      });

      it('tells of progress in other keys', async () => {
        const start = await head();
        const other = written(
          await backend.write(`/registry/suite-other/${prefix.length}-${start}`, Buffer.from('x'), 0n, {
            signal: neverAborted,
            cause: '{}',
          }),
        );
        expect(await watchUntil(start, other)).toEqual([]);
      });

      it('ends with the reason when it is aborted', async () => {
        const stop = new AbortController();
        const next = backend
          .watch(all(), await head(), stop.signal)
          [Symbol.asyncIterator]()
          .next();
        const reason = new Error('enough');
        stop.abort(reason);
        await expect(next).rejects.toBe(reason);
      });

      it('goes on after the store was opened again', async () => {
        const one = written(await write('a', 'one'));
        const two = written(await write('a', 'two', one));
        await backend.close();
        backend = await fixture.open();
        const three = written(await write('a', 'three', two));
        const events = await watchUntil(one, three);
        expect(events.map(({ modRevision }) => modRevision)).toEqual([two, three]);
        expect(text((await get('a', two)) as Entry)).toBe('two');
      });
    });

    describe('compaction', () => {
      it('forgets the past and keeps what is current', async () => {
        const kept = written(await write('kept', 'kept'));
        const one = written(await write('a', 'one'));
        const two = written(await write('a', 'two', one));
        const gone = written(await write('b', 'gone'));
        written(await remove('b', gone));
        const three = written(await write('a', 'three', two));
        await backend.compact(three, neverAborted);
        await expect(list(one)).rejects.toMatchObject({ reason: 'compacted' });
        await expect(get('a', two)).rejects.toMatchObject({ reason: 'compacted' });
        await expect(watchUntil(kept - 1n, three)).rejects.toMatchObject({ reason: 'compacted' });
        expect((await list(three)).entries.map(text)).toEqual(['three', 'kept']);
        expect(await get('kept')).toMatchObject({ modRevision: kept, createRevision: kept });
        const four = written(await write('a', 'four', three));
        expect((await watchUntil(three, four)).map(({ modRevision }) => modRevision)).toEqual([four]);
        expect(text((await get('a', three)) as Entry)).toBe('three');
      });

      it('may be asked twice, and not for the future', async () => {
        const one = written(await write('a', 'one'));
        await backend.compact(one, neverAborted);
        await backend.compact(one, neverAborted);
        await expect(backend.compact(one + 1_000n, neverAborted)).rejects.toMatchObject({ reason: 'futureRevision' });
      });

      it('lasts over opening again', async () => {
        const one = written(await write('a', 'one'));
        const two = written(await write('a', 'two', one));
        const three = written(await write('a', 'three', two));
        await backend.compact(three, neverAborted);
        await backend.close();
        backend = await fixture.open();
        await expect(list(one)).rejects.toMatchObject({ reason: 'compacted' });
        expect((await list()).entries.map(text)).toEqual(['three']);
      });
    });

    describe('entries with a lifetime', () => {
      it('vanish by a change of their own', async () => {
        const created = written(await write('a', 'one', 0n, fixture.ttlMs));
        await until(async () => (await get('a')) === undefined);
        const events = await watchUntil(created, await head());
        expect(events).toHaveLength(1);
        expect(events[0]).toMatchObject({ type: 'delete', cause: '{"controller":"expiry"}' });
        expect(events[0]?.modRevision).toBeGreaterThan(created);
      }, 20_000);

      it('stay when they are written again without one, and vanish after opening again', async () => {
        const kept = written(await write('kept', 'one', 0n, fixture.ttlMs));
        written(await write('kept', 'two', kept));
        written(await write('gone', 'one', 0n, fixture.ttlMs));
        await backend.close();
        backend = await fixture.open();
        await until(async () => (await get('gone')) === undefined);
        expect(text((await get('kept')) as Entry)).toBe('two');
      }, 20_000);
    });

    // What lives in memory has no process that could be killed without it.
    const itWithProcess = isInMemory ? () => {} : it;
    itWithProcess(
      'keeps every acknowledged write when the writer is killed',
      async () => {
        const directory = await mkdtemp(join(tmpdir(), 'slipway-kill-'));
        const acknowledged = join(directory, 'acknowledged');
        const start = await head();
        await backend.close();
        try {
          const kill = new AbortController();
          const child = exec(
            process.execPath,
            [writerScript, prefix, acknowledged, ...(fixture.childArguments ?? [])],
            {
              signal: kill.signal,
            },
          ).catch((error: unknown) => error);
          const lines = async () => (await readFile(acknowledged, 'utf8').catch(() => '')).split('\n').slice(0, -1);
          await Promise.race([
            until(async () => (await lines()).length > 200),
            child.then((error) => {
              throw error;
            }),
          ]);
          kill.abort();
          await child;
          backend = await fixture.open();
          const writes = (await lines()).map(
            (line) => JSON.parse(line) as { key: string; revision: string; value: string },
          );
          for (const { key, revision, value } of writes) {
            expect(text((await get(key, BigInt(revision))) as Entry)).toBe(value);
          }
          await expectReplayToMatch(start);
        } finally {
          await rm(directory, { recursive: true, force: true });
        }
      },
      30_000,
    );

    /** The changes since a revision, applied one after the other, give the list. */
    async function expectReplayToMatch(start: Revision): Promise<void> {
      const page = await list();
      const state = new Map<string, Revision>();
      let last = start;
      for (const { type, key, modRevision } of await watchUntil(start, page.revision)) {
        expect(modRevision).toBeGreaterThan(last);
        last = modRevision;
        if (type === 'put') state.set(key, modRevision);
        else state.delete(key);
      }
      const listed = page.entries.map(({ key, modRevision }) => [key, modRevision]);
      expect([...state].sort(([a], [b]) => (a < b ? -1 : 1))).toEqual(listed);
    }

    it('behaves like a map with a history', async () => {
      const operation = fc.record({
        key: fc.constantFrom('a', 'a/b', 'ab', 'b'),
        verb: fc.constantFrom('create', 'update', 'updateStale', 'remove', 'removeStale'),
        value: fc.string({ maxLength: 5 }),
      });
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 12 }), async (operations) => {
          prefix = `/registry/suite/model${count}-${run++}/`;
          const start = await head();
          const model = new Map<string, { value: string; revision: Revision }>();
          const states: [Revision, [string, string][]][] = [];
          let changes = 0;
          for (const { key, verb, value } of operations) {
            const current = model.get(key);
            const stale = verb.endsWith('Stale');
            const expected = verb === 'create' ? 0n : stale ? start : (current?.revision ?? start);
            const isRemoval = verb.startsWith('remove');
            const result = await (isRemoval ? remove(key, expected) : write(key, value, expected));
            expect(result.outcome === 'written').toBe(expected === (current?.revision ?? 0n));
            if (result.outcome === 'conflict') {
              expect(result.current?.modRevision).toBe(current?.revision);
              continue;
            }
            changes++;
            if (isRemoval) model.delete(key);
            else model.set(key, { value, revision: result.revision });
            const pairs = [...model].map(([name, { value: v }]) => [prefix + name, v] as [string, string]);
            states.push([result.revision, pairs.sort(([a], [b]) => (a < b ? -1 : 1))]);
          }
          for (const [revision, pairs] of states) {
            expect((await list(revision)).entries.map((entry) => [entry.key, text(entry)])).toEqual(pairs);
          }
          const events = await watchUntil(start, await head());
          expect(events).toHaveLength(changes);
          expect(events.map(({ modRevision }) => modRevision)).toEqual(states.map(([revision]) => revision));
        }),
        { numRuns: 30 },
      );
    }, 30_000);
  });
}

function written(result: WriteResult): Revision {
  if (result.outcome !== 'written') throw new Error(`the write met ${JSON.stringify(result.current?.key)}`);
  return result.revision;
}

function text(entry: Entry): string {
  return Buffer.from(entry.value).toString();
}

function byRevision(a: Revision, b: Revision): number {
  return a < b ? -1 : 1;
}

/** What a watch shows from one revision to another. */
async function collect(backend: Backend, range: KeyRange, after: Revision, reach: Revision): Promise<ChangeEvent[]> {
  const events: ChangeEvent[] = [];
  if (after >= reach) return events;
  const stop = new AbortController();
  for await (const batch of backend.watch(range, after, stop.signal) as AsyncIterable<WatchBatch>) {
    events.push(...batch.events);
    if (batch.revision >= reach) break;
  }
  stop.abort();
  return events;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await systemClock.sleep(10, neverAborted);
}
