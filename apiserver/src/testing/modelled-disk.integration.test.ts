import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { type BackendFixture, describeBackend } from '../storage/conformance/backend.suite.ts';
import { describeObjectStore } from '../storage/conformance/object-store.suite.ts';
import type { Backend } from '../storage/backend.ts';
import { type DiskBehaviour, ModelledDisk, perfectDisk } from './modelled-disk.ts';

async function createFixture(): Promise<BackendFixture> {
  const disk = new ModelledDisk(perfectDisk);
  return {
    open: async () => disk.open(systemClock),
    dispose: async () => {},
    ttlMs: 150,
    childArguments: undefined,
  };
}

describeBackend('modelled disk', createFixture, { isInMemory: true });
describeObjectStore('modelled disk', createFixture);

const slow: DiskBehaviour = { syncMs: () => 5, lies: () => false };
const options = { signal: neverAborted, cause: '{}' };
const put = (backend: Backend, key: string) => backend.write(`/registry/${key}`, Buffer.from(key), 0n, options);

async function keysOf(disk: ModelledDisk, clock: VirtualClock): Promise<string[]> {
  const backend = disk.open(clock);
  const page = await backend.list({ from: '/registry/', to: '/registry0' }, { limit: 0, signal: neverAborted });
  return page.entries.map(({ key }) => key.slice('/registry/'.length));
}

describe('a crash of the modelled disk', () => {
  it('keeps what was acknowledged, and what was in flight whole or not at all', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 8; seed++) {
      const clock = new VirtualClock();
      const disk = new ModelledDisk(slow);
      const backend = disk.open(clock);
      const first = put(backend, 'acknowledged');
      await clock.advance(0);
      await clock.advance(5);
      await first;
      void put(backend, 'flying-1');
      void put(backend, 'flying-2');
      await clock.advance(0);
      await clock.advance(2);
      disk.crash(seededRandom(seed));
      await clock.advance(10);
      seen.add((await keysOf(disk, clock)).join(' '));
    }
    expect([...seen].sort()).toEqual(['acknowledged', 'acknowledged flying-1 flying-2']);
  });

  it('loses what a lying disk had acknowledged, and says so', async () => {
    const clock = new VirtualClock();
    let isLying = false;
    const disk = new ModelledDisk({ syncMs: () => 5, lies: () => isLying });
    let lostTo = 0;
    disk.listener = {
      committed: () => {},
      lost: (head) => {
        lostTo = head;
      },
    };
    const backend = disk.open(clock);
    const first = put(backend, 'kept');
    await clock.advance(0);
    await clock.advance(5);
    await first;
    isLying = true;
    const second = put(backend, 'lost');
    await clock.advance(0);
    await clock.advance(5);
    expect(await second).toMatchObject({ outcome: 'written', revision: 3n });
    disk.crash(seededRandom(1));
    expect(lostTo).toBe(2);
    expect(await keysOf(disk, clock)).toEqual(['kept']);
  });
});
