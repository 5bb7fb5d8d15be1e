import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import fc from 'fast-check';
import type { Backend, Entry, Revision } from './backend.ts';
import { openBackup } from './backup/read-backup.ts';
import { startEtcd } from './conformance/etcd-process.ts';
import { openEmbeddedStore } from './embedded/embedded-store.ts';
import { openEtcdStore } from './etcd/etcd-store.ts';
import { backupStore, restoreStore, type StorePlace } from './store-backup.ts';

const { signal } = new AbortController();
const clock = systemClock;
const everything = { from: '/', to: '\u{10ffff}' };
const options = { clock, signal, bump: 1_000n, replace: false };

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'slipway-backup-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

let count = 0;
const place = () => ({ directory: join(root, `store${count++}`) });

async function withStore<T>(where: StorePlace, work: (store: Backend) => Promise<T>): Promise<T> {
  const store =
    'directory' in where
      ? await openEmbeddedStore({ directory: where.directory, clock })
      : openEtcdStore({ ...where.etcd, clock });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const entriesOf = (where: StorePlace, at?: Revision) =>
  withStore(where, async (store) => {
    const page = await store.list(everything, { limit: 0, signal, ...(at === undefined ? {} : { at }) });
    return page.entries.map(plain);
  });

const plain = ({ value, ...entry }: Entry) => ({ ...entry, value: Buffer.from(value).toString('base64') });

/** Objects that were created, updated, deleted, with and without a lifetime, with keys of every kind. */
async function fill(store: Backend, objects: number): Promise<void> {
  const write = async (key: string, expected: bigint, ttlMs?: number) => {
    const value = Buffer.from(`${key}\n\0{"size":${'x'.repeat((key.length * 7919) % 3_000)}}`);
    const cause = `{"verb":"create","object":"${key.length}"}`;
    const result = await store.write(key, value, expected, { signal, cause, ...(ttlMs ? { ttlMs } : {}) });
    if (result.outcome !== 'written') throw new Error(`lost a race on ${key}`);
    return result.revision;
  };
  const one = async (i: number) => {
    const group = i % 3 === 0 ? 'core/pods/default' : i % 3 === 1 ? 'stable.example.com/crontabs/ns-ü' : 'x/y';
    const key = i % 50 === 0 ? `/custom ${i}/ключ` : `/registry/${group}/object-${i}`;
    const created = await write(key, 0n, i % 20 === 7 ? 3_600_000 : undefined);
    const updated = i % 4 === 0 ? await write(key, created) : created;
    if (i % 9 === 0) await store.remove(key, updated, { signal, cause: '{"verb":"delete"}' });
  };
  for (let from = 0; from < objects; from += 200) {
    await Promise.all(Array.from({ length: Math.min(200, objects - from) }, (_, i) => one(from + i)));
  }
}

describe('backup of the embedded store', () => {
  it('comes back with every revision; the past is refused and revisions go on above', async () => {
    const [from, to, file] = [place(), place(), join(root, 'whole')];
    await withStore(from, (store) => fill(store, 3_000));
    const before = await entriesOf(from);
    const written = await backupStore(from, file, { clock, signal });
    expect(written.entries).toBe(before.length);
    const restored = await restoreStore(to, file, options);
    expect(restored).toEqual({ revision: written.revision + 1_001n, keepsRevisions: true, entries: before.length });
    expect(await entriesOf(to)).toEqual(before);
    await withStore(to, async (store) => {
      await expect(store.list(everything, { at: written.revision, limit: 1, signal })).rejects.toMatchObject({
        reason: 'compacted',
      });
      const watch = store.watch(everything, written.revision, signal)[Symbol.asyncIterator]();
      await expect(watch.next()).rejects.toMatchObject({ reason: 'compacted' });
      const result = await store.write('/registry/new', Buffer.of(1), 0n, { signal, cause: '{}' });
      expect(result).toEqual({ outcome: 'written', revision: restored.revision + 1n });
    });
  }, 30_000);

  it('keeps the end of a life', async () => {
    const [from, to, file] = [place(), place(), join(root, 'lives')];
    await withStore(from, (store) =>
      store.write('/registry/event', Buffer.of(1), 0n, { signal, cause: '{}', ttlMs: 300 }),
    );
    await backupStore(from, file, { clock, signal });
    await restoreStore(to, file, options);
    await withStore(to, async (store) => {
      while ((await store.get('/registry/event', { signal })).entry) await clock.sleep(20, signal);
    });
  });

  it('shows one moment of a store that another process writes to', async () => {
    const [from, file] = [place(), join(root, 'running')];
    const script = fileURLToPath(new URL('./conformance/write-until-killed.ts', import.meta.url));
    const acknowledged = join(root, 'acknowledged');
    const kill = new AbortController();
    const child = exec(process.execPath, [script, '/registry/', acknowledged, 'embedded', from.directory], {
      signal: kill.signal,
    }).catch((error: unknown) => error);
    const lines = async () => (await readFile(acknowledged, 'utf8').catch(() => '')).split('\n').length;
    while ((await lines()) < 300) await clock.sleep(20, signal);
    const { revision } = await backupStore(from, file, { clock, signal });
    const seen = await lines();
    while ((await lines()) < seen + 200) await clock.sleep(20, signal);
    kill.abort();
    await child;
    const backup = await openBackup(file, signal);
    const held = [];
    for await (const { expiresAtMs: _, ...entry } of backup.entries(signal)) held.push(plain(entry));
    await backup.close();
    expect(held).toEqual(await entriesOf(from, revision));
  }, 30_000);

  it('is refused by a store that is not empty, unless asked', async () => {
    const [from, to, file] = [place(), place(), join(root, 'again')];
    await withStore(from, (store) => fill(store, 50));
    await backupStore(from, file, { clock, signal });
    await withStore(to, (store) => fill(store, 80));
    const before = await entriesOf(to);
    await expect(restoreStore(to, file, options)).rejects.toMatchObject({ reason: 'notEmpty' });
    expect(await entriesOf(to)).toEqual(before);
    const head = await withStore(to, async (store) => (await store.get('/', { signal })).revision);
    const { revision } = await restoreStore(to, file, { ...options, replace: true });
    expect(revision).toBe(head + 1_001n);
    expect(await entriesOf(to)).toEqual(await entriesOf(from));
  });

  it('is refused while a process has the store open', async () => {
    const [from, file] = [place(), join(root, 'open')];
    await withStore(from, async (store) => {
      await fill(store, 10);
      await backupStore(from, file, { clock, signal });
      await expect(restoreStore(from, file, { ...options, replace: true })).rejects.toMatchObject({ reason: 'locked' });
    });
  });

  it('is refused when it was cut short or damaged, and the target stays as it was', async () => {
    const [from, file] = [place(), join(root, 'damaged')];
    await withStore(from, (store) => fill(store, 60));
    const { sizeBytes } = await backupStore(from, file, { clock, signal });
    const whole = await readFile(file);
    const to = place();
    const refused = async () => {
      await expect(restoreStore(to, file, options)).rejects.toMatchObject({ reason: 'corrupt' });
      await expect(readdir(to.directory)).rejects.toMatchObject({ code: 'ENOENT' });
    };
    await fc.assert(
      fc.asyncProperty(fc.nat(sizeBytes - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), async (at, by, isCut) => {
        const copy = Buffer.from(whole);
        copy[at] = (copy[at] ?? 0) ^ by;
        await writeFile(file, isCut ? whole : copy);
        if (isCut) await truncate(file, at);
        await refused();
      }),
      { numRuns: 60 },
    );
    await writeFile(file, Buffer.concat([whole, Buffer.of(0)]));
    await refused();
  }, 30_000);

  it('leaves the old backup when the new one fails', async () => {
    const file = join(root, 'kept');
    await writeFile(file, 'old');
    await expect(backupStore(place(), file, { clock, signal })).rejects.toMatchObject({ reason: 'unavailable' });
    expect(await readFile(file, 'utf8')).toBe('old');
  });
});

describeWith(missingCapability({ programs: ['etcd'] }), 'a move between the stores', () => {
  it('loses nothing: embedded to etcd, etcd to etcd, etcd to embedded', async () => {
    const [first, last] = [place(), place()];
    const servers = [await startEtcd(), await startEtcd()];
    try {
      await withStore(first, (store) => fill(store, 1_200));
      const before = await entriesOf(first);
      const lives = await livesOf(first);
      let from: StorePlace = first;
      for (const to of [...servers.map(({ endpoint }) => ({ etcd: { endpoints: [endpoint] } })), last]) {
        const file = join(root, `move${count++}`);
        const { revision } = await backupStore(from, file, { clock, signal });
        const restored = await restoreStore(to, file, options);
        expect(restored.keepsRevisions).toBe(true);
        expect(restored.revision).toBeGreaterThan(revision + 1_000n);
        expect(await entriesOf(to)).toEqual(before);
        from = to;
      }
      const moved = await livesOf(last);
      expect([...moved.keys()]).toEqual([...lives.keys()]);
      for (const [key, end] of lives) expect(Math.abs((moved.get(key) ?? 0) - end)).toBeLessThan(60_000);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  }, 60_000);

  it('gives objects higher revisions where the etcd was beyond them already', async () => {
    const [from, file] = [place(), join(root, 'beyond')];
    const server = await startEtcd();
    const to: StorePlace = { etcd: { endpoints: [server.endpoint] } };
    try {
      await withStore(from, (store) => fill(store, 40));
      await withStore(to, (store) => fill(store, 20));
      const { revision } = await backupStore(from, file, { clock, signal });
      await expect(restoreStore(to, file, options)).rejects.toMatchObject({ reason: 'notEmpty' });
      const restored = await restoreStore(to, file, { ...options, replace: true });
      expect(restored.keepsRevisions).toBe(false);
      const [before, after] = [await entriesOf(from), await entriesOf(to)];
      expect(after.map(({ key, value, cause }) => ({ key, value, cause }))).toEqual(
        before.map(({ key, value, cause }) => ({ key, value, cause })),
      );
      for (const { modRevision } of after) expect(modRevision).toBeGreaterThan(revision);
      await withStore(to, (store) =>
        expect(store.watch(everything, revision, signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
          reason: 'compacted',
        }),
      );
    } finally {
      await server.stop();
    }
  }, 30_000);
});

async function livesOf(where: StorePlace): Promise<Map<string, number>> {
  const file = join(root, `lives${count++}`);
  await backupStore(where, file, { clock, signal });
  const backup = await openBackup(file, signal);
  const lives = new Map<string, number>();
  for await (const { key, expiresAtMs } of backup.entries(signal)) if (expiresAtMs) lives.set(key, expiresAtMs);
  await backup.close();
  return lives;
}
