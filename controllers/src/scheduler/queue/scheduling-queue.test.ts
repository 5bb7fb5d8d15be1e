import { VirtualClock } from '@slipway/kit/virtual-clock';
import { type PendingPod, PodReader } from '../pods/pod-info.ts';
import { aPod, type PodTraits } from '../testing/small-cluster.ts';
import type { ClusterEvent } from './cluster-event.ts';
import { SchedulingQueue } from './scheduling-queue.ts';

/** An event whose name says which filter's rejection it turns around. */
const helps = (name: string): ClusterEvent => ({ kind: 'volumeChanged', name });

describe('SchedulingQueue', () => {
  let clock: VirtualClock;
  let reader: PodReader;
  let queue: SchedulingQueue;
  let asked: number;

  beforeEach(() => {
    clock = new VirtualClock();
    reader = new PodReader();
    asked = 0;
    queue = new SchedulingQueue({
      clock,
      backoff: { baseMs: 1_000, maxMs: 10_000 },
      mayHelp: (filter, _pod, event) => {
        asked++;
        return event.kind === 'volumeChanged' && event.name === filter;
      },
    });
  });

  function put(name: string, traits: PodTraits = {}): PendingPod {
    const pod = reader.pending(aPod({ name, ...traits }));
    queue.put(pod);
    return pod;
  }
  const take = () => queue.take()?.name;
  const parked = (name: string, ...filters: string[]) => {
    const pod = put(name);
    expect(take()).toBe(name);
    queue.park(pod.uid, new Set(filters));
    return pod;
  };

  it('gives higher priorities first, then the older', () => {
    put('a');
    put('b', { priority: 10 });
    put('c');
    expect([take(), take(), take(), take()]).toEqual(['b', 'a', 'c', undefined]);
  });

  it('follows a change of priority', () => {
    put('a');
    put('b');
    put('b', { priority: 1 });
    expect([take(), take(), take()]).toEqual(['b', 'a', undefined]);
  });

  it('wakes a parked pod only by an event that may help', async () => {
    parked('a', 'NodeAffinity');
    queue.wake([helps('NodePorts')]);
    await clock.advance(20_000);
    expect(take()).toBeUndefined();
    queue.wake([helps('NodePorts'), helps('NodeAffinity')]);
    expect(take()).toBe('a');
  });

  it('lets a woken pod back off while others are active, counted from its last try', async () => {
    parked('a', 'NodeAffinity');
    put('b');
    await clock.advance(400);
    queue.wake([helps('NodeAffinity')]);
    expect(take()).toBe('b');
    put('c');
    await clock.advance(599);
    expect(queue.activeSize).toBe(1);
    await clock.advance(1);
    expect(queue.activeSize).toBe(2);
  });

  it('tries a woken pod early when nothing else is to be tried', () => {
    parked('a', 'NodeAffinity');
    let isReady = false;
    queue.onReady = () => {
      isReady = true;
    };
    queue.wake([helps('NodeAffinity')]);
    expect(isReady).toBe(true);
    expect(take()).toBe('a');
  });

  it('does not try early what failed otherwise; the back-off doubles', async () => {
    const pod = put('a');
    for (const waitMs of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
      expect(take()).toBe('a');
      queue.retry(pod.uid);
      expect(take()).toBeUndefined();
      await clock.advance(waitMs - 1);
      expect(take()).toBeUndefined();
      await clock.advance(1);
    }
  });

  it('tries a pod that nothing woke again after five minutes', async () => {
    parked('a', 'NodeAffinity');
    await clock.advance(60_000);
    parked('b', 'NodeAffinity');
    await clock.advance(239_999);
    expect(take()).toBeUndefined();
    await clock.advance(1);
    expect([take(), take()]).toEqual(['a', undefined]);
    await clock.advance(60_000);
    expect(take()).toBe('b');
  });

  it('tries a parked pod again when it asks for something else', () => {
    parked('a', 'NodeAffinity');
    put('a');
    expect(take()).toBeUndefined();
    put('a', { cpu: '1m' });
    expect(take()).toBe('a');
  });

  it('asks once for pods that are alike', () => {
    for (let i = 0; i < 100; i++) parked(`a${i}`, 'NodeAffinity');
    queue.wake([helps('NodePorts')]);
    expect(asked).toBe(1);
    queue.wake([helps('NodeAffinity')]);
    expect(Array.from({ length: 101 }, take)).toHaveLength(101);
    expect(asked).toBe(2);
  });

  it('forgets removed pods wherever they are, and needs no timer when nothing waits', async () => {
    const [active, waiting, failed] = [put('a'), parked, put];
    queue.remove(active.uid);
    queue.remove(waiting('b', 'NodeAffinity').uid);
    const pod = failed('c');
    take();
    queue.retry(pod.uid);
    queue.remove(pod.uid);
    await clock.advance(600_000);
    expect(take()).toBeUndefined();
    expect([queue.size, queue.activeSize, queue.waitingSize]).toEqual([0, 0, 0]);
    expect(clock.nextTimerMs()).toBeUndefined();
  });
});
