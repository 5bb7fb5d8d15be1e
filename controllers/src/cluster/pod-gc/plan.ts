import type { Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Step } from '../../runtime/step.ts';
import { isPodFinished } from '../../workloads/pod-readiness.ts';

export interface ObservedPods {
  readonly pods: readonly Pod[];
  /** Nodes that have been gone for long enough, and that the server confirms to be gone. */
  readonly goneNodes: ReadonlySet<string>;
}

/** Ended pods that are kept, for their logs and statuses; the oldest go first. */
export const finishedPodsMax = 12_500;

export function planPodCollection({ pods, goneNodes }: ObservedPods, nowMs: number): Step[] {
  const orphaned = pods.filter(({ spec }) => spec.nodeName !== undefined && goneNodes.has(spec.nodeName));
  const unstarted = pods.filter(({ metadata, spec }) => metadata.deletionTimestamp && !spec.nodeName);
  const finished = pods.filter((pod) => isPodFinished(pod) && !pod.metadata.deletionTimestamp);
  const surplus = finished
    .toSorted((a, b) => createdMs(a) - createdMs(b))
    .slice(0, Math.max(0, finished.length - finishedPodsMax));
  return [
    ...orphaned.filter((pod) => !isPodFinished(pod)).map((pod) => fail(pod, nowMs)),
    ...[...new Set([...orphaned, ...unstarted, ...surplus])].map(remove),
  ];
}

/** The state that nobody will report any more. */
function fail(pod: Pod, nowMs: number): Step {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByPodGC',
    message: 'PodGC: node no longer exists',
    lastTransitionTime: formatTime(nowMs),
  };
  return {
    op: 'patch',
    kind: kinds.pods,
    target: pod,
    patch: { status: { phase: 'Failed', conditions: [condition] } },
    patchType: 'strategic',
    subresource: 'status',
    evenIfChanged: true,
  };
}

function remove(target: Pod): Step {
  return { op: 'delete', kind: kinds.pods, target, graceMs: 0 };
}

function createdMs({ metadata }: Pod): number {
  return Date.parse(metadata.creationTimestamp ?? '');
}
