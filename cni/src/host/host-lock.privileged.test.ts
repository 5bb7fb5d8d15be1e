import { existsSync, statSync } from 'node:fs';
import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '../conformance/test-network.ts';
import { createHostLock } from './host-lock.ts';

describeWithNetwork("the host's lock", () => {
  let network: TestNetwork;
  let file: string;
  const signal = neverAborted;

  beforeAll(async () => {
    network = await createTestNetwork();
    file = `/run/slipway/links-${statSync(network.hostNetns).ino}.lock`;
  });
  afterAll(() => network?.remove());

  it('lets one in at a time, of one process and of several, and leaves no file', async () => {
    const locks = [createHostLock(network.hostNetns), createHostLock(network.hostNetns)];
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside++;
      most = Math.max(most, inside);
      await exec('true', [], { signal });
      inside--;
    };
    await Promise.all(Array.from({ length: 12 }, (_, at) => locks[at % 2]?.(work, { signal })));
    expect(most).toBe(1);
    expect(existsSync(file)).toBe(false);
  });

  it('goes on after work that failed, and after a holder that was killed', async () => {
    const lock = createHostLock(network.hostNetns);
    await lock(async () => expect(existsSync(file)).toBe(true), { signal });
    await expect(lock(() => Promise.reject(new Error('no luck')), { signal })).rejects.toThrow('no luck');
    const holder = new AbortController();
    const killed = exec('flock', ['--no-fork', file, 'sleep', '60'], { signal: holder.signal }).catch(() => {});
    while (!existsSync(file)) await exec('true', [], { signal });
    holder.abort();
    await killed;
    expect(await lock(async () => 'mine', { signal })).toBe('mine');
    expect(existsSync(file)).toBe(false);
  });
});
