import type { Pod } from '@slipway/api/types';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { podInfoFrom } from './pod-info.ts';
import { SchedulingQueue } from './scheduling-queue.ts';

const aPod = (uid: string, priority = 0) =>
  podInfoFrom({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: uid, namespace: 'd', uid },
    spec: { priority, containers: [] },
  } satisfies Pod);

describe('SchedulingQueue', () => {
  it('gives higher priorities first, then the older', () => {
    const queue = new SchedulingQueue(new VirtualClock());
    for (const pod of [aPod('a'), aPod('b', 10), aPod('c')]) queue.put(pod);
    expect([queue.take()?.uid, queue.take()?.uid, queue.take()?.uid, queue.take()]).toEqual(['b', 'a', 'c', undefined]);
  });

  it('wakes a parked pod only by a change that may help, after its back-off', async () => {
    const clock = new VirtualClock();
    const queue = new SchedulingQueue(clock);
    queue.put(aPod('a'));
    queue.take();
    queue.park('a', new Set(['NodeAffinity']));
    queue.wake('podRemoved');
    await clock.advance(20_000);
    expect(queue.take()).toBeUndefined();
    queue.wake('nodeChanged');
    await clock.advance(999);
    expect(queue.take()).toBeUndefined();
    await clock.advance(1);
    expect(queue.take()?.uid).toBe('a');
  });

  it('counts a change that came during the try', async () => {
    const clock = new VirtualClock();
    const queue = new SchedulingQueue(clock);
    queue.put(aPod('a'));
    queue.take();
    queue.wake('podRemoved');
    queue.park('a', new Set(['NodeResourcesFit']));
    await clock.advance(1_000);
    expect(queue.take()?.uid).toBe('a');
  });

  it('tries a parked pod again after five minutes, and never one that is gone', async () => {
    const clock = new VirtualClock();
    const queue = new SchedulingQueue(clock);
    queue.put(aPod('a'));
    queue.put(aPod('b'));
    queue.take();
    queue.take();
    queue.park('a', new Set(['nodes']));
    queue.park('b', new Set(['nodes']));
    queue.remove('b');
    await clock.advance(5 * 60_000);
    expect([queue.take()?.uid, queue.take()]).toEqual(['a', undefined]);
  });
});
