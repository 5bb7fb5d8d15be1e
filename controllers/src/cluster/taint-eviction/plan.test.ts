import type { Taint, Toleration } from '@slipway/api/types';
import { aPod } from '../../testing/builders.ts';
import { planTaintedPod } from './plan.ts';
import { tolerates } from './tolerations.ts';

const nowMs = Date.UTC(2026, 0, 1);
const unreachable: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' };

function plan(tolerations: Toleration[], sinceMs: number, taints: readonly Taint[] = [unreachable]) {
  const pod = aPod({ node: 'n', spec: { tolerations, nodeName: 'n' } });
  return planTaintedPod({ pod, taints: taints.map((taint) => ({ taint, sinceMs })) }, nowMs);
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

  it('goes by the taint that is borne for the shortest time', () => {
    const other: Taint = { key: 'broken', effect: 'NoExecute' };
    expect(plan([forFiveMinutes], nowMs, [unreachable, other]).steps).toHaveLength(3);
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
