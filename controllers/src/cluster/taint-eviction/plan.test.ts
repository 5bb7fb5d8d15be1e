import type { Taint, Toleration } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { aNode, aPod } from '../../testing/builders.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { FirstSeen } from '../first-seen.ts';
import { dueMsOf, observeTaintedPod } from './observe.ts';
import { planTaintedPod } from './plan.ts';
import { tolerates } from './tolerations.ts';

const nowMs = Date.UTC(2026, 0, 2);
const unreachable: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' };

/** A pod that was placed a day ago, on a node whose taints came at `sinceMs`. */
function plan(
  tolerations: Toleration[],
  sinceMs: number,
  taints: readonly Taint[] = [unreachable],
  placedMs = nowMs - 86_400_000,
) {
  const metadata = { namespace: 'shop', name: 'pod', creationTimestamp: formatTime(placedMs) };
  const pod = aPod({ metadata, spec: { tolerations, nodeName: 'n' } });
  return planTaintedPod({ pod, dueMs: dueMsOf(pod, taints, () => sinceMs), isSpared: false }, nowMs);
}

describe('planTaintedPod', () => {
  const forFiveMinutes: Toleration = {
    key: unreachable.key,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300,
  };

  it('deletes at once what does not tolerate a taint', () => {
    const { steps } = plan([], nowMs);
    expect(steps.map(({ op }) => op)).toEqual(['event', 'patch', 'delete']);
    expect(steps[0]).toMatchObject({ reason: 'TaintManagerEviction', message: 'Marking for deletion Pod shop/pod' });
  });

  it('waits as long as the taint is tolerated, counted from when it came', () => {
    expect(plan([forFiveMinutes], nowMs - 100_000)).toMatchObject({ steps: [], again: { afterMs: 200_000 } });
    expect(plan([forFiveMinutes], nowMs - 300_000).steps).toHaveLength(3);
  });

  it('leaves pods that bear it for ever', () => {
    expect(plan([{ operator: 'Exists' }], nowMs)).toEqual({ steps: [], status: 'unchanged' });
  });

  it('gives a pod that was placed on a tainted node its whole time', () => {
    expect(plan([forFiveMinutes], nowMs - 1_000_000, [unreachable], nowMs - 100_000)).toMatchObject({
      steps: [],
      again: { afterMs: 200_000 },
    });
  });

  it('goes by the first toleration that fits', () => {
    const forEver: Toleration = { operator: 'Exists' };
    expect(plan([forEver, forFiveMinutes], nowMs - 300_000)).toEqual({ steps: [], status: 'unchanged' });
    expect(plan([forFiveMinutes, forEver], nowMs - 300_000).steps).toHaveLength(3);
  });

  it('goes by the taint that is borne for the shortest time', () => {
    const other: Taint = { key: 'broken', effect: 'NoExecute' };
    expect(plan([forFiveMinutes], nowMs, [unreachable, other]).steps).toHaveLength(3);
  });
});

describe('observeTaintedPod', () => {
  const tolerations = [{ key: 'broken', operator: 'Exists', tolerationSeconds: 60 }];
  const world = () => {
    const plans = new PlanWorld();
    const memory = { seen: new FirstSeen(), condemned: new Set<string>() };
    const controller = {
      observe: (key: string) => observeTaintedPod(key, plans, memory, plans.nowMs),
      plan: planTaintedPod,
    };
    const taint = (...taints: Taint[]) => plans.put(kinds.nodes, aNode('n', 'True', { taints }));
    plans.put(kinds.pods, aPod({ spec: { tolerations, nodeName: 'n' } }));
    return { plans, taint, look: () => plans.look(controller, kinds.pods, 'shop/pod') };
  };

  it('tells a pod that it is spared when the taint goes in time, once', () => {
    const { plans, taint, look } = world();
    taint({ key: 'broken', effect: 'NoExecute' });
    expect(look()?.again).toEqual({ afterMs: 60_000 });
    plans.nowMs += 30_000;
    expect(look()?.again).toEqual({ afterMs: 30_000 });
    taint();
    look();
    expect(plans.told).toEqual(['Cancelling deletion of Pod shop/pod']);
    expect(look()).toBeUndefined();
  });

  it('goes by the time that a taint carries, whatever was forgotten', () => {
    const { plans, taint, look } = world();
    taint({ key: 'broken', effect: 'NoExecute', timeAdded: formatTime(plans.nowMs) });
    plans.nowMs += 59_000;
    expect(look()?.again).toEqual({ afterMs: 1000 });
    plans.nowMs += 1000;
    expect(look()?.steps.map(({ op }) => op)).toEqual(['event', 'patch', 'delete']);
  });
});

describe('tolerates', () => {
  const taint: Taint = { key: 'a', value: 'b', effect: 'NoExecute' };
  it.each<[boolean, Toleration]>([
    [true, { operator: 'Exists' }],
    [true, { key: 'a', operator: 'Exists' }],
    [true, { key: 'a', value: 'b' }],
    [true, { key: 'a', operator: 'Equal', value: 'b', effect: 'NoExecute' }],
    [false, { key: 'a', value: 'c' }],
    [false, { key: 'c', operator: 'Exists' }],
    [false, { key: 'a', operator: 'Exists', effect: 'NoSchedule' }],
    [false, { operator: 'Equal', value: 'b' }],
  ])('%s: %j', (is, toleration) => {
    expect(tolerates(toleration, taint)).toBe(is);
  });
});
