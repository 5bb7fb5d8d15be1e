import fc from 'fast-check';
import { boundsOf, type RolloutInput, rolloutStep } from './rollout.ts';

const none = { pending: 0, healthy: 0, unhealthy: 0 };
const input = (more: Partial<RolloutInput>): RolloutInput => ({
  desired: 4,
  minimumHealthyPercent: 100,
  maximumPercent: 200,
  primary: none,
  old: none,
  stopping: 0,
  ...more,
});

describe('a rolling update', () => {
  it('rounds the minimum up and the maximum down', () => {
    expect(boundsOf({ desired: 3, minimumHealthyPercent: 50, maximumPercent: 150 })).toEqual({ lower: 2, upper: 4 });
  });

  it('of 100 to 200 percent starts all at once and stops an old one for each new one that is up', () => {
    expect(rolloutStep(input({ old: { ...none, healthy: 4 } }))).toMatchObject({ start: 4, stopOld: none });
    const step = rolloutStep(input({ primary: { ...none, pending: 3, healthy: 1 }, old: { ...none, healthy: 4 } }));
    expect(step).toMatchObject({ start: 0, stopOld: { healthy: 1 } });
  });

  it('of 50 to 100 percent makes room first', () => {
    const bounds = { minimumHealthyPercent: 50, maximumPercent: 100 };
    expect(rolloutStep(input({ ...bounds, old: { ...none, healthy: 4 } }))).toMatchObject({
      start: 0,
      stopOld: { healthy: 2 },
    });
    expect(rolloutStep(input({ ...bounds, old: { ...none, healthy: 2 }, stopping: 2 }))).toMatchObject({
      start: 0,
      stopOld: none,
    });
    expect(rolloutStep(input({ ...bounds, old: { ...none, healthy: 2 } }))).toMatchObject({ start: 2, stopOld: none });
  });

  it('replaces an unhealthy task before it stops it, where there is room', () => {
    const primary = { pending: 0, healthy: 3, unhealthy: 1 };
    expect(rolloutStep(input({ primary }))).toMatchObject({ start: 1, stopPrimary: none });
    expect(rolloutStep(input({ primary: { ...primary, pending: 1 } }))).toMatchObject({
      start: 0,
      stopPrimary: { unhealthy: 1 },
    });
    expect(rolloutStep(input({ primary, maximumPercent: 100 }))).toMatchObject({
      start: 0,
      stopPrimary: { unhealthy: 1 },
    });
  });

  it('scales down what is not up yet first', () => {
    expect(rolloutStep(input({ desired: 1, primary: { pending: 2, healthy: 2, unhealthy: 0 } }))).toMatchObject({
      stopPrimary: { pending: 2, healthy: 1 },
    });
  });

  const tally = fc.record({ pending: fc.nat(8), healthy: fc.nat(8), unhealthy: fc.nat(4) });
  const any = fc.record({
    desired: fc.nat(10),
    minimumHealthyPercent: fc.integer({ min: 0, max: 100 }),
    maximumPercent: fc.integer({ min: 100, max: 300 }),
    primary: tally,
    old: tally,
    stopping: fc.nat(5),
  });

  it('never goes below the minimum by what it stops, nor above the maximum by what it starts', () => {
    fc.assert(
      fc.property(any, (given) => {
        const { lower, upper } = boundsOf(given);
        const { start, stopPrimary, stopOld } = rolloutStep(given);
        const before = given.primary.healthy + given.old.healthy;
        const after = before - stopPrimary.healthy - stopOld.healthy;
        expect(after).toBeGreaterThanOrEqual(Math.min(before, lower));
        const alive = (['pending', 'healthy', 'unhealthy'] as const).reduce(
          (sum, key) => sum + given.primary[key] + given.old[key],
          given.stopping,
        );
        if (start > 0) expect(alive + start).toBeLessThanOrEqual(upper);
        for (const key of ['pending', 'healthy', 'unhealthy'] as const) {
          expect(stopPrimary[key]).toBeLessThanOrEqual(given.primary[key]);
          expect(stopOld[key]).toBeLessThanOrEqual(given.old[key]);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('comes to its end when every task that is started gets up', () => {
    fc.assert(
      fc.property(any, (given) => {
        if (given.minimumHealthyPercent === 100 && boundsOf(given).upper === given.desired) return;
        if (boundsOf(given).lower === given.desired && boundsOf(given).upper === given.desired) return;
        let now: RolloutInput = given;
        for (let i = 0; i < 200; i++) {
          const { start, stopPrimary, stopOld } = rolloutStep(now);
          const left = (tally: typeof none, stop: typeof none) => ({
            pending: tally.pending - stop.pending,
            healthy: tally.healthy - stop.healthy,
            unhealthy: tally.unhealthy - stop.unhealthy,
          });
          const primary = left(now.primary, stopPrimary);
          now = {
            ...now,
            primary: { ...primary, healthy: primary.healthy + primary.pending, pending: start },
            old: left(now.old, stopOld),
            stopping: 0,
          };
        }
        expect(now.primary).toEqual({ pending: 0, healthy: given.desired, unhealthy: 0 });
        expect(now.old).toEqual(none);
      }),
    );
  });
});
