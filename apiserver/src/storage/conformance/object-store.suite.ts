/** What the object store must do over every backend. */
import type { KubeObject } from '@slipway/api/types';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import type { Backend, Revision } from '../backend.ts';
import { createObjectStore } from '../create-object-store.ts';
import type { ObjectStore, ObjectWrite, StoredObject, StoreEvent } from '../object-store.ts';
import type { BackendFixture } from './backend.suite.ts';

const { signal } = new AbortController();
const options = { signal, cause: { user: 'tester', verb: 'test' } };

export function describeObjectStore(
  name: string,
  createFixture: () => Promise<BackendFixture>,
  { skip }: { readonly skip?: string } = {},
): void {
  const title = skip === undefined ? `object store over ${name}` : `object store over ${name} (skipped: ${skip})`;
  (skip === undefined ? describe : describe.skip)(title, () => {
    let fixture: BackendFixture;
    let backend: Backend;
    let store: ObjectStore;
    let resource = '';
    let count = 0;

    const open = async () => {
      backend = await fixture.open();
      store = await createObjectStore({ backend, clock: systemClock, log: silentLogger, signal });
    };
    const close = async () => {
      await store.close();
      await backend.close();
    };
    beforeAll(async () => {
      fixture = await createFixture();
      await open();
    }, 30_000);
    afterAll(async () => {
      await close();
      await fixture.dispose();
    });
    beforeEach(() => {
      resource = `/registry/suite/things${count++}/`;
    });

    const create = async (key: string, note = 'x') =>
      written(await store.create(resource + key, thing(key, note), options));
    const update = async (stored: StoredObject, note: string) =>
      written(await store.update(stored.key, { ...stored.object, note } as KubeObject, stored, options));
    const remove = async (stored: StoredObject) => written(await store.remove(stored.key, stored, options));
    const names = (items: readonly StoredObject[]) => items.map(({ key }) => key.slice(resource.length));

    it('gives back what was written, with its revision, without parsing it again', async () => {
      const object = thing('ns/a', 'one');
      const stored = written(await store.create(`${resource}ns/a`, object, options));
      expect(stored.object).toEqual({
        ...object,
        metadata: { ...object.metadata, resourceVersion: `${stored.modRevision}` },
      });
      const read = await store.get(stored.key, { signal });
      expect(read).toBe(stored);
      expect(read?.cause).toEqual(options.cause);
      expect(JSON.parse(String(read?.bytes))).toEqual(read?.object);
    });

    it('tells who lost a race what won', async () => {
      const first = await create('ns/a', 'one');
      const second = await store.create(first.key, thing('ns/a', 'two'), options);
      expect(second.outcome).toBe('conflict');
      expect(second).toMatchObject({ current: { modRevision: first.modRevision } });
      const updated = await update(first, 'three');
      const stale = await store.update(first.key, thing('ns/a', 'four'), first, options);
      expect(stale).toMatchObject({ outcome: 'conflict', current: { modRevision: updated.modRevision } });
      expect(await store.remove(first.key, first, options)).toMatchObject({ outcome: 'conflict' });
      await remove(updated);
      expect(await store.update(first.key, thing('ns/a', 'five'), updated, options)).toEqual({
        outcome: 'conflict',
        current: undefined,
      });
    });

    it('writes nothing when nothing changes', async () => {
      const stored = await create('ns/a', 'one');
      const same = written(await store.update(stored.key, { ...stored.object }, stored, options));
      expect(same).toBe(stored);
      const newer = await update(stored, 'two');
      const stale = await store.update(stored.key, { ...stored.object }, stored, options);
      expect(stale).toMatchObject({ outcome: 'conflict', current: { modRevision: newer.modRevision } });
    });

    it('answers a delete with the last state at the revision of the deletion', async () => {
      const stored = await create('ns/a', 'one');
      const last = await remove(stored);
      expect(last.modRevision).toBeGreaterThan(stored.modRevision);
      expect(last.object.metadata.resourceVersion).toBe(`${last.modRevision}`);
      expect(await store.get(stored.key, { signal })).toBeUndefined();
    });

    it('lists in key order, by namespace, in pages, and not the neighbours', async () => {
      for (const key of ['b/1', 'a/2', 'a/1', 'ab/1', 'c/1']) await create(key);
      written(await store.create(`${resource.slice(0, -1)}-more/a/1`, thing('a/1'), options));
      expect(names((await store.list(resource, { signal, limit: 0 })).items)).toEqual([
        'a/1',
        'a/2',
        'ab/1',
        'b/1',
        'c/1',
      ]);
      expect(names((await store.list(`${resource}a/`, { signal, limit: 0 })).items)).toEqual(['a/1', 'a/2']);
      expect(names([...store.cachedList(`${resource}ab/`)])).toEqual(['ab/1']);
      const page = await store.list(resource, { signal, limit: 2 });
      expect(page.remaining).toBe(3);
      const afterKey = page.items.at(-1)?.key as string;
      const next = await store.list(resource, { signal, limit: 2, afterKey, at: page.revision });
      expect([names(next.items), next.remaining]).toEqual([['ab/1', 'b/1'], 1]);
    });

    it('shows the past as it was', async () => {
      const a = await create('ns/a', 'one');
      const b = await create('ns/b', 'one');
      const c = await create('ns/c', 'one');
      const then = c.modRevision;
      await update(a, 'two');
      await remove(b);
      await create('ns/bb');
      const list = await store.list(resource, { signal, limit: 0, at: then });
      expect(list.revision).toBe(then);
      expect(list.items.map(({ modRevision }) => modRevision)).toEqual([a, b, c].map(({ modRevision }) => modRevision));
      const page = await store.list(resource, { signal, limit: 1, at: then, afterKey: a.key });
      expect([names(page.items), page.remaining]).toEqual([['ns/b'], 1]);
      const before = await store.list(resource, { signal, limit: 0, at: b.modRevision });
      expect(names(before.items)).toEqual(['ns/a', 'ns/b']);
      // The same from the backend's own history, as after a restart.
      await close();
      await open();
      const again = await store.list(resource, { signal, limit: 1, at: then, afterKey: a.key });
      expect([names(again.items), again.remaining]).toEqual([['ns/b'], 1]);
    });

    it('does not know the future', async () => {
      const at = store.revision + 1_000_000n;
      await expect(store.list(resource, { signal, limit: 0, at })).rejects.toMatchObject({ reason: 'futureRevision' });
    }, 10_000);

    it('tells subscribers of their prefix everything, in order, with what was before', async () => {
      const all = record(store, resource, undefined);
      const one = record(store, `${resource}a/`, undefined);
      const a = await create('a/1', 'one');
      const other = await create('ab/1', 'one');
      const a2 = await update(a, 'two');
      const gone = await remove(a2);
      await all.reach(gone.modRevision);
      expect(all.events.map(shape)).toEqual([
        [a.modRevision, a.modRevision, undefined],
        [other.modRevision, other.modRevision, undefined],
        [a2.modRevision, a2.modRevision, a.modRevision],
        [gone.modRevision, undefined, gone.modRevision],
      ]);
      expect(one.events.map(({ revision }) => revision)).toEqual([a, a2, gone].map(({ modRevision }) => modRevision));
      expect(all.events.at(-1)?.previous?.cause).toEqual(options.cause);
      all.cancel();
      one.cancel();
      await create('a/2');
      expect(all.events).toHaveLength(4);
    });

    it('shares one array between the subscribers of a prefix', async () => {
      const seen: (readonly StoreEvent[])[] = [];
      const subscription = { onEvents: (events: readonly StoreEvent[]) => void seen.push(events), onEnd: () => {} };
      const cancels = [1, 2].map(() => store.subscribe(resource, undefined, subscription));
      const live = record(store, resource, undefined);
      await live.reach((await create('ns/a')).modRevision);
      expect(seen).toHaveLength(2);
      expect(seen[0]).toBe(seen[1]);
      for (const cancel of cancels) cancel();
      live.cancel();
    });

    it('delivers history first, also after a restart, and nothing twice', async () => {
      const start = store.revision;
      const a = await create('ns/a', 'one');
      const b = await create('ns/b', 'one');
      const a2 = await update(a, 'two');
      const gone = await remove(b);
      const wanted = [a, b, a2, gone].map(({ modRevision }) => modRevision);
      const near = record(store, resource, start);
      await near.reach(gone.modRevision);
      await close();
      await open();
      const far = record(store, resource, start);
      const middle = record(store, `${resource}ns/`, a.modRevision);
      const c = await create('ns/c');
      await far.reach(c.modRevision);
      await middle.reach(c.modRevision);
      expect(near.events.map(({ revision }) => revision)).toEqual(wanted);
      expect(far.events.map(({ revision }) => revision)).toEqual([...wanted, c.modRevision]);
      expect(middle.events.map(({ revision }) => revision)).toEqual([...wanted.slice(1), c.modRevision]);
      expect(far.events.slice(0, 4).map(shape)).toEqual(near.events.map(shape));
      expect(far.events.map(({ current, previous }) => String((current ?? previous)?.bytes))).toEqual(
        [...near.events, { current: c, previous: undefined }].map((e) => String((e.current ?? e.previous)?.bytes)),
      );
      far.cancel();
      middle.cancel();
    });

    it('ends a subscription whose history is compacted', async () => {
      const a = await create('ns/a', 'one');
      const a2 = await update(a, 'two');
      const a3 = await update(a2, 'three');
      await close();
      await open();
      await backend.compact(a3.modRevision, signal);
      const late = record(store, resource, a.modRevision - 1n);
      await expect(late.ended).resolves.toMatchObject({ reason: 'compacted' });
    });

    it('tells of progress when others write', async () => {
      const quiet = record(store, resource, undefined);
      written(await store.create(`/registry/suite/noise${count}/ns/a`, thing('ns/a'), options));
      await quiet.reach(store.revision);
      expect(quiet.events).toEqual([]);
      quiet.cancel();
    });

    it('keeps many concurrent writers and readers consistent', async () => {
      const start = store.revision;
      const live = record(store, resource, undefined);
      const writer = async (w: number) => {
        for (let i = 0; i < 10; i++) {
          const created = await create(`ns${w}/${i}`, 'one');
          expect((await store.get(created.key, { signal }))?.modRevision).toBe(created.modRevision);
          const updated = await update(created, 'two');
          const list = await store.list(`${resource}ns${w}/`, { signal, limit: 0 });
          expect(list.items).toHaveLength((i >> 1) + 1);
          expect(list.revision).toBeGreaterThanOrEqual(updated.modRevision);
          if (i % 2 === 0) await remove(updated);
        }
      };
      await Promise.all(Array.from({ length: 6 }, (_, w) => writer(w)));
      const end = (await store.list(resource, { signal, limit: 0 })).revision;
      await live.reach(end);
      const state = new Map<string, Revision>();
      for (const { current, previous } of live.events) {
        if (current) state.set(current.key, current.modRevision);
        else state.delete((previous as StoredObject).key);
      }
      const { items } = await store.list(resource, { signal, limit: 0 });
      expect(items.map(({ key, modRevision }) => [key, modRevision])).toEqual(
        [...state].sort(([a], [b]) => (a < b ? -1 : 1)),
      );
      expect(live.events).toHaveLength(6 * 25);
      expect(live.events.every(({ revision }, i) => revision > (live.events[i - 1]?.revision ?? start))).toBe(true);
      live.cancel();
    }, 20_000);
  });
}

function thing(key: string, note = 'x'): KubeObject {
  const [namespace, name] = key.split('/') as [string, string];
  return { apiVersion: 'v1', kind: 'Thing', metadata: { namespace, name }, note } as KubeObject;
}

function written(result: ObjectWrite): StoredObject {
  if (result.outcome !== 'written') throw new Error(`the write met revision ${result.current?.modRevision}`);
  return result.stored;
}

function shape({ revision, current, previous }: StoreEvent) {
  return [revision, current?.modRevision, previous?.modRevision];
}

/** Subscribes and remembers. `reach` waits until the subscription has been told everything up to a revision. */
export function record(store: ObjectStore, prefix: string, after: Revision | undefined) {
  const events: StoreEvent[] = [];
  const ended = Promise.withResolvers<unknown>();
  let told = 0n;
  let wake = () => {};
  const tell = (revision: Revision) => {
    told = revision;
    wake();
  };
  const cancel = store.subscribe(prefix, after, {
    onEvents: (news) => {
      events.push(...news);
      tell(news.at(-1)?.revision ?? told);
    },
    onProgress: tell,
    onEnd: (error) => ended.resolve(error),
  });
  const reach = async (revision: Revision) => {
    while (told < revision) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { events, ended: ended.promise, cancel, reach };
}
