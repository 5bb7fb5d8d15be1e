import type { Pod } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Plan } from '../../runtime/step.ts';
import type { ObservedTaintedPod } from './observe.ts';
import { toleratedSeconds } from './tolerations.ts';

/** A pod goes when the first of its node's taints is no longer borne. */
export function planTaintedPod({ pod, taints }: ObservedTaintedPod, nowMs: number): Plan<Pod['status']> {
  if (pod.metadata.deletionTimestamp) return { steps: [], status: 'unchanged' };
  const tolerations = pod.spec.tolerations ?? [];
  const ends = taints.map(({ taint, sinceMs }) => {
    const seconds = toleratedSeconds(tolerations, taint);
    return seconds === undefined ? nowMs : sinceMs + seconds * 1000;
  });
  const inMs = Math.min(...ends) - nowMs;
  if (inMs > 0) {
    return { steps: [], status: 'unchanged', ...(Number.isFinite(inMs) ? { again: { afterMs: inMs } } : {}) };
  }
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
    lastTransitionTime: formatTime(nowMs),
  };
  return {
    steps: [
      {
        op: 'event',
        about: pod,
        type: 'Normal',
        reason: 'TaintManagerEviction',
        message: `Marking for deletion Pod ${keyOf(pod)}`,
      },
      {
        op: 'patch',
        kind: kinds.pods,
        target: pod,
        patch: { status: { conditions: [condition] } },
        patchType: 'strategic',
        subresource: 'status',
        evenIfChanged: true,
      },
      { op: 'delete', kind: kinds.pods, target: pod },
    ],
    status: 'unchanged',
  };
}
