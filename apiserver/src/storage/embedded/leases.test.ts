import { VirtualClock } from '@slipway/kit/virtual-clock';
import { Leases } from './leases.ts';

function setUp(known: { lease: bigint; ttlSeconds: number }[] = []) {
  const clock = new VirtualClock();
  const expired: bigint[] = [];
  const failing = new Set<bigint>();
  const leases: Leases = new Leases(
    {
      clock,
      expire: async (id) => {
        expired.push(id);
        leases.forget(id);
        if (failing.delete(id)) throw new Error('the disk is full');
      },
    },
    known,
  );
  return { clock, expired, failing, leases };
}

describe('leases', () => {
  it('end after their time, later when they are kept alive', async () => {
    const { clock, expired, leases } = setUp();
    leases.start(1n, 5);
    leases.start(2n, 5);
    await clock.advance(3_000);
    leases.start(2n, 5);
    expect(leases.remainingSeconds(leases.get(1n) ?? leases.start(1n, 0))).toBe(2);
    await clock.advance(2_000);
    expect(expired).toEqual([1n]);
    await clock.advance(3_000);
    expect(expired).toEqual([1n, 2n]);
  });

  it('begin anew with the process', async () => {
    const { clock, expired } = setUp([{ lease: 7n, ttlSeconds: 3 }]);
    await clock.advance(2_900);
    expect(expired).toEqual([]);
    await clock.advance(200);
    expect(expired).toEqual([7n]);
  });

  it('whose keys could not be removed are tried again', async () => {
    const { clock, expired, failing, leases } = setUp();
    failing.add(1n);
    leases.start(1n, 2);
    await clock.advance(2_000);
    await clock.advance(1_000);
    expect(expired).toEqual([1n, 1n]);
    expect(leases.size).toBe(0);
  });
});
