import type { Pod, PodCondition } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Plan } from '../../runtime/step.ts';
import { isPodFinished } from '../../workloads/pod-readiness.ts';

/** Whoever announces a disruption deletes the pod at once; one that is not deleted after this time was not disrupted. */
export const staleMs = 120_000;

/** The announcement of a disruption on a pod that runs on; an agent that ends a pod may take any time, so its own stays. */
export function announcedDisruption({ metadata, status }: Pod): PodCondition | undefined {
  const condition = status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  if (condition?.status !== 'True' || condition.reason === 'TerminationByKubelet') return undefined;
  return metadata.deletionTimestamp || isPodFinished({ metadata, status } as Pod) ? undefined : condition;
}

export function planStaleDisruption(pod: Pod, nowMs: number): Plan {
  const condition = announcedDisruption(pod);
  if (!condition) return { steps: [], status: 'unchanged' };
  const inMs = Date.parse(condition.lastTransitionTime ?? '') + staleMs - nowMs;
  if (inMs > 0) return { steps: [], status: 'unchanged', again: { afterMs: inMs } };
  const reset = {
    type: 'DisruptionTarget',
    status: 'False',
    reason: null,
    message: null,
    lastTransitionTime: formatTime(nowMs),
  };
  const patch = { status: { conditions: [reset] } };
  return {
    steps: [{ op: 'patch', kind: kinds.pods, target: pod, patch, patchType: 'strategic', subresource: 'status' }],
    status: 'unchanged',
  };
}
