import type { Pod } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Plan, Step } from '../../runtime/step.ts';
import type { ObservedTaintedPod } from './observe.ts';

/** A pod goes when its time has come, and hears when it does not after all. */
export function planTaintedPod({ pod, dueMs, isSpared }: ObservedTaintedPod, nowMs: number): Plan<Pod['status']> {
  if (isSpared) return { steps: [event(pod, `Cancelling deletion of Pod ${keyOf(pod)}`)], status: 'unchanged' };
  if (dueMs === undefined) return { steps: [], status: 'unchanged' };
  if (dueMs > nowMs) return { steps: [], status: 'unchanged', again: { afterMs: dueMs - nowMs } };
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
    lastTransitionTime: formatTime(nowMs),
  };
  return {
    steps: [
      event(pod, `Marking for deletion Pod ${keyOf(pod)}`),
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

function event(about: Pod, message: string): Step {
  return { op: 'event', about, type: 'Normal', reason: 'TaintManagerEviction', message };
}
