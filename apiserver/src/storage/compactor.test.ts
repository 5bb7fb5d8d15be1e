import { silentLogger } from '@slipway/kit/logger';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import type { Backend, Revision } from './backend.ts';
import { runCompactor } from './compactor.ts';

async function setUp(options: { historyMs?: number; changesMax?: number; isOurs?: () => boolean }) {
  const clock = new VirtualClock();
  const compacted: Revision[] = [];
  const state = { revision: 1n, failures: 0 };
  const backend: Pick<Backend, 'get' | 'compact'> = {
    get: async () => ({ revision: state.revision, entry: undefined }),
    compact: async (before) => {
      if (state.failures-- > 0) throw new Error('disk full');
      compacted.push(before);
    },
  };
  const stop = new AbortController();
  const done = runCompactor({ backend: backend as Backend, clock, log: silentLogger, ...options }, stop.signal);
  await clock.advance(0); // the first look
  const end = async () => {
    stop.abort();
    await done;
  };
  return { clock, compacted, state, end };
}

describe('runCompactor', () => {
  it('leaves it to another server, and goes on when that one is no more', async () => {
    let isOurs = false;
    const { clock, compacted, state, end } = await setUp({ historyMs: 60_000, isOurs: () => isOurs });
    state.revision = 50n;
    await clock.advance(100_000);
    expect(compacted).toEqual([]);
    isOurs = true;
    await clock.advance(10_000);
    expect(compacted).toEqual([50n]);
    await end();
  });

  it('forgets what is older than the history', async () => {
    const { clock, compacted, state, end } = await setUp({ historyMs: 60_000 });
    await clock.advance(10_000);
    state.revision = 50n;
    await clock.advance(10_000);
    state.revision = 90n;
    await clock.advance(60_000);
    expect(compacted).toContain(50n);
    expect(compacted).not.toContain(90n);
    await clock.advance(20_000);
    expect(compacted.at(-1)).toBe(90n);
    await end();
  });

  it('does nothing while nothing changes', async () => {
    const { clock, compacted, state, end } = await setUp({ historyMs: 60_000 });
    state.revision = 7n;
    await clock.advance(600_000);
    expect(compacted).toEqual([1n, 7n]);
    await end();
  });

  it('keeps no more changes than the bound', async () => {
    const { clock, compacted, state, end } = await setUp({ changesMax: 100 });
    state.revision = 1_000n;
    await clock.advance(10_000);
    expect(compacted).toEqual([900n]);
    await end();
  });

  it('tries again after a failure', async () => {
    const { clock, compacted, state, end } = await setUp({ changesMax: 100 });
    state.revision = 1_000n;
    state.failures = 1;
    await clock.advance(10_000);
    expect(compacted).toEqual([]);
    await clock.advance(10_000);
    expect(compacted).toEqual([900n]);
    await end();
  });
});
