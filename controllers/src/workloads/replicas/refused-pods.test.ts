import type { Pod } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import { aPod } from '../../testing/builders.ts';
import { refusedForMs } from './refused-pods.ts';

const nowMs = Date.UTC(2026, 0, 1);

function failed(agoMs: number, status: Pod['status'] = { reason: 'OutOfcpu' }): Pod {
  const pod = aPod({ metadata: { name: 'p', creationTimestamp: formatTime(nowMs - agoMs) } });
  return { ...pod, status: { phase: 'Failed', ...status } };
}

describe('refusedForMs', () => {
  it('lets pods be made as long as none was refused', () => {
    expect(refusedForMs([aPod(), aPod({ ready: true })], 3, nowMs)).toBe(0);
  });

  it('doubles with each round, up to five minutes', () => {
    const after = (refused: number) => refusedForMs(Array(refused).fill(failed(0)), 3, nowMs);
    expect([1, 3, 4, 6, 7, 30, 99].map(after)).toEqual([1000, 1000, 2000, 2000, 4000, 300_000, 300_000]);
  });

  it('counts from the last refusal', () => {
    expect(refusedForMs([failed(5000), failed(1000), failed(9000), failed(7000)], 2, nowMs)).toBe(1000);
    expect(refusedForMs([failed(5000)], 2, nowMs)).toBe(0);
  });

  it('forgets what was long ago', () => {
    expect(refusedForMs([...Array(50).fill(failed(600_000)), failed(0)], 2, nowMs)).toBe(1000);
  });

  it('has nothing against pods that ran, were evicted, or failed by themselves', () => {
    const containerStatuses = [{ name: 'web', image: 'web', imageID: '', ready: false, restartCount: 0 }];
    const others = [failed(0, { reason: 'Evicted' }), failed(0, {}), failed(0, { reason: 'Error', containerStatuses })];
    expect(refusedForMs(others, 1, nowMs)).toBe(0);
  });
});
