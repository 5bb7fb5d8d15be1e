import { mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import type { Backend } from '../backend.ts';
import { rangeOfPrefix } from '../keys.ts';
import { openEmbeddedStore } from './embedded-store.ts';

const { signal } = new AbortController();
const options = { signal, cause: '{}' };
const range = rangeOfPrefix('/registry/');
const writerScript = fileURLToPath(new URL('../conformance/write-until-killed.ts', import.meta.url));

describe('embedded store, when something is wrong', () => {
  let directory = '';
  const openStore = () => openEmbeddedStore({ directory, clock: systemClock });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-faults-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function filled(count: number): Promise<void> {
    const store = await openStore();
    await Promise.all(
      Array.from({ length: count }, (_, i) => store.write(`/registry/a/b/${i}`, Buffer.alloc(5_000, i), 0n, options)),
    );
    await store.close();
  }

  it('is opened by one at a time, and says who holds it', async () => {
    const store = await openStore();
    const message = `data directory ${directory} is in use by process ${process.pid}; stop that process or choose another data directory`;
    await expect(openStore()).rejects.toMatchObject({ reason: 'locked', message });
    await store.close();
    await (await openStore()).close();
  });

  it('is free again after its holder was killed', async () => {
    const kill = new AbortController();
    const file = join(directory, 'acknowledged');
    const args = [writerScript, '/registry/x/y/', file, 'embedded', directory];
    const child = exec(process.execPath, args, { signal: kill.signal }).catch((error: unknown) => error);
    while (!(await stat(file).catch(() => undefined))?.size) await systemClock.sleep(10, signal);
    const held = await openStore().catch((error: unknown) => error);
    expect(held).toMatchObject({ reason: 'locked' });
    kill.abort();
    await child;
    await (await openStore()).close();
  }, 20_000);

  it('says that a data file was cut short', async () => {
    await filled(50);
    const file = join(directory, 'data');
    await truncate(file, 100_000);
    await expect(openStore()).rejects.toMatchObject({
      reason: 'corrupt',
      message: expect.stringContaining('cut short'),
    });
  });

  it('says that a data file is none', async () => {
    await writeFile(join(directory, 'data'), Buffer.alloc(100_000, 'no lmdb '));
    await expect(openStore()).rejects.toMatchObject({ reason: 'corrupt', message: expect.stringContaining('damaged') });
  });

  it('finds a record whose bytes changed', async () => {
    await filled(3);
    const file = join(directory, 'data');
    const bytes = await readFile(file);
    const at = bytes.lastIndexOf(Buffer.alloc(1_000, 2)) + 500;
    const handle = await open(file, 'r+');
    await handle.write(Buffer.from('!'), 0, 1, at);
    await handle.close();
    const store = await openStore();
    await expect(store.get('/registry/a/b/2', { signal })).rejects.toMatchObject({ reason: 'corrupt' });
    expect((await store.get('/registry/a/b/1', { signal })).entry?.value).toHaveLength(5_000);
    await store.close();
  });

  it('refuses everything after it was closed', async () => {
    const store = await openStore();
    const next = store.watch(range, 1n, signal)[Symbol.asyncIterator]().next();
    await store.close();
    await expect(next).rejects.toMatchObject({ reason: 'unavailable' });
    await expect(store.get('/registry/a', { signal })).rejects.toMatchObject({ reason: 'unavailable' });
    await expect(store.write('/registry/a', Buffer.of(1), 0n, options)).rejects.toMatchObject({
      reason: 'unavailable',
    });
    await store.close();
  });

  it('acknowledges the writes that were under way when it is closed', async () => {
    const store = await openStore();
    const writes = Array.from({ length: 100 }, (_, i) => store.write(`/registry/a/b/${i}`, Buffer.of(i), 0n, options));
    await store.close();
    expect((await Promise.all(writes)).every(({ outcome }) => outcome === 'written')).toBe(true);
    const again = await openStore();
    expect((await again.list(range, { limit: 0, signal })).entries).toHaveLength(100);
    await again.close();
  });
});

describe('embedded store, lifetimes', () => {
  it('end on time and not before, in order, also those that passed while it was closed', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'slipway-expiry-'));
    const clock = new VirtualClock();
    const openStore = () => openEmbeddedStore({ directory, clock });
    const names = async (store: Backend) =>
      (await store.list(range, { limit: 0, signal })).entries.map(({ key }) => key);
    let store = await openStore();
    for (const [key, ttlMs] of [
      ['c', 90_000],
      ['a', 30_000],
      ['b', 60_000],
    ] as const) {
      await store.write(`/registry/${key}`, Buffer.of(1), 0n, { ...options, ttlMs });
    }
    await clock.advance(29_000);
    expect(await names(store)).toEqual(['/registry/a', '/registry/b', '/registry/c']);
    const removals = store.watch(range, 4n, signal)[Symbol.asyncIterator]();
    await clock.advance(2_000);
    expect((await removals.next()).value).toMatchObject({
      revision: 5n,
      events: [{ type: 'delete', key: '/registry/a' }],
    });
    await store.close();
    await clock.advance(45_000);
    store = await openStore();
    const later = store.watch(range, 5n, signal)[Symbol.asyncIterator]();
    await clock.advance(200);
    expect((await later.next()).value).toMatchObject({ events: [{ type: 'delete', key: '/registry/b' }] });
    expect(await names(store)).toEqual(['/registry/c']);
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });
});
