import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@slipway/kit/clock';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import type { WatchBatch } from '../backend.ts';
import { type BackendFixture, describeBackend } from '../conformance/backend.suite.ts';
import { describeObjectStore } from '../conformance/object-store.suite.ts';
import { rangeOfPrefix } from '../keys.ts';
import { openEmbeddedStore } from './embedded-store.ts';

async function createFixture(): Promise<BackendFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'slipway-embedded-'));
  return {
    open: () => openEmbeddedStore({ directory, clock: systemClock }),
    dispose: () => rm(directory, { recursive: true, force: true }),
    ttlMs: 150,
    childArguments: ['embedded', directory],
  };
}

describeBackend('embedded', createFixture);
describeObjectStore('embedded', createFixture);

describe('embedded, and the memory that its file takes', () => {
  const { signal } = new AbortController();
  const options = { signal, cause: '{}' };
  const range = rangeOfPrefix('/registry/');

  /** Bytes of the data file that count as memory of this process. */
  async function mappedBytes(path: string): Promise<number> {
    const maps = (await readFile('/proc/self/smaps', 'utf8')).split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
    const ours = maps.filter((map) => map.split('\n', 1)[0]?.endsWith(path));
    return ours.reduce((sum, map) => sum + Number(/^Rss:\s+(\d+)/m.exec(map)?.[1] ?? 0) * 1024, 0);
  }

  it('gives back after a load what reading took, and goes on as if nothing had been', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'slipway-embedded-'));
    // Time stands still: nothing is given back on its own.
    const backend = await openEmbeddedStore({ directory, clock: new VirtualClock() });
    const values = Array.from({ length: 40 }, (_, i) => Buffer.alloc(1_000_000, i + 1));
    for (const [i, value] of values.entries()) await backend.write(`/registry/a/b/${i}`, value, 0n, options);
    const watching = new AbortController();
    const seen: WatchBatch[] = [];
    const watched = (async () => {
      for await (const batch of backend.watch(range, 0n, watching.signal)) {
        seen.push(batch);
        if (batch.events.some(({ key }) => key === '/registry/a/b/new')) return;
      }
    })();
    const before = await backend.list(range, { limit: 0, signal });
    const mappedBefore = await mappedBytes(join(directory, 'data'));
    await backend.loaded(signal);
    expect(mappedBefore).toBeGreaterThan(40_000_000);
    expect(await mappedBytes(join(directory, 'data'))).toBeLessThan(2_000_000);
    expect(await backend.write('/registry/a/b/new', Buffer.from('new'), 0n, options)).toMatchObject({
      outcome: 'written',
      revision: before.revision + 1n,
    });
    await watched;
    expect(seen.flatMap(({ events }) => events)).toHaveLength(41);
    const after = await backend.list(range, { at: before.revision, limit: 0, signal });
    expect(after.entries.map(({ key, value }) => [key, Buffer.compare(value, valueAt(key))])).toEqual(
      before.entries.map(({ key }) => [key, 0]),
    );
    await backend.close();
    await rm(directory, { recursive: true, force: true });

    function valueAt(key: string): Uint8Array {
      return values[Number(key.split('/').at(-1))] ?? Buffer.alloc(0);
    }
  }, 30_000);

  it('gives back what writing took, while others read and write', async () => {
    const clock = new VirtualClock();
    const directory = await mkdtemp(join(tmpdir(), 'slipway-embedded-'));
    const backend = await openEmbeddedStore({ directory, clock });
    const value = Buffer.alloc(500_000, 7);
    let mappedMost = 0;
    const stop = new AbortController();
    const small = Array.from({ length: 4 }, async (_, writer) => {
      let written = 0;
      for (; !stop.signal.aborted; written++) {
        const result = await backend.write(`/registry/a/small/${writer}-${written}`, Buffer.from('x'), 0n, options);
        expect(result.outcome).toBe('written');
        // Now and then nobody writes.
        if (written % 20 === 19) await systemClock.sleep(2, signal);
      }
      return written;
    });
    for (let i = 0; i < 70; i++) {
      await backend.write(`/registry/a/b/${i}`, value, 0n, options);
      const { entry } = await backend.get(`/registry/a/b/${i}`, { signal });
      expect(entry?.value.length).toBe(value.length);
      mappedMost = Math.max(mappedMost, await mappedBytes(join(directory, 'data')));
      await clock.advance(1_000);
    }
    stop.abort();
    const count = (await Promise.all(small)).reduce((sum, written) => sum + written, 0);
    const more = Array.from({ length: 70 }, (_, i) => backend.write(`/registry/a/more/${i}`, value, 0n, options));
    await Promise.all(more);
    await clock.advance(1_000);
    expect(mappedMost).toBeGreaterThan(20_000_000);
    expect(await mappedBytes(join(directory, 'data'))).toBeLessThan(mappedMost / 2);
    const { entries } = await backend.list(range, { limit: 0, signal });
    expect(entries).toHaveLength(140 + count);
    await backend.close();
    await rm(directory, { recursive: true, force: true });
  }, 30_000);
});
