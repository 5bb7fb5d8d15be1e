import type { Node, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Step } from '../../runtime/step.ts';
import { isPodFinished } from '../../workloads/pod-readiness.ts';

export interface ObservedPods {
  readonly pods: readonly Pod[];
  /** Nodes that have been gone for long enough, and that the server confirms to be gone. */
  readonly goneNodes: ReadonlySet<string>;
  /** Nodes that an administrator has declared to be off: what runs there runs no more. */
  readonly nodesOutOfService: ReadonlySet<string>;
}

/** Ended pods that are kept, for their logs and statuses; evicted ones go first, then the oldest. */
export const finishedPodsMax = 12_500;

const outOfServiceTaint = 'node.kubernetes.io/out-of-service';

/** A node that still answers is not off, whatever its taint says. */
export function isOutOfService({ spec, status }: Node): boolean {
  const isReady = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  return !isReady && (spec.taints?.some(({ key }) => key === outOfServiceTaint) ?? false);
}

export function planPodCollection({ pods, goneNodes, nodesOutOfService }: ObservedPods, nowMs: number): Step[] {
  const on = (nodes: ReadonlySet<string>) => (pod: Pod) => nodes.has(pod.spec.nodeName ?? '');
  const orphaned = pods.filter(on(goneNodes));
  const leaving = pods.filter(({ metadata }) => metadata.deletionTimestamp);
  const unstarted = leaving.filter(({ spec }) => !spec.nodeName);
  const abandoned = leaving.filter(on(nodesOutOfService));
  const marked = new Set(orphaned);
  const doomed = new Set([...orphaned, ...unstarted, ...abandoned, ...surplusOf(pods)]);
  return [...doomed]
    .filter(isStillToGo)
    .flatMap((pod) => [
      ...(isPodFinished(pod) ? [] : [fail(pod, marked.has(pod) ? nodeIsGone(nowMs) : undefined)]),
      { op: 'delete', kind: kinds.pods, target: pod, graceMs: 0 } as const,
    ]);
}

function surplusOf(pods: readonly Pod[]): Pod[] {
  const finished = pods.filter(isPodFinished);
  if (finished.length <= finishedPodsMax) return [];
  return finished.toSorted(evictedThenOldest).slice(0, finished.length - finishedPodsMax);
}

/** One that was told already to go at once is held by its finalizers; telling it again changes nothing. */
function isStillToGo({ metadata, status }: Pod): boolean {
  const isTold = metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;
  return !isTold || !isPodFinished({ metadata, status } as Pod);
}

function evictedThenOldest(a: Pod, b: Pod): number {
  return Number(isEvicted(b)) - Number(isEvicted(a)) || createdMs(a) - createdMs(b);
}

function isEvicted({ status }: Pod): boolean {
  return status?.phase === 'Failed' && status.reason === 'Evicted';
}

function nodeIsGone(nowMs: number) {
  return {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByPodGC',
    message: 'PodGC: node no longer exists',
    lastTransitionTime: formatTime(nowMs),
  };
}

/** The state that nobody will report any more. */
function fail(pod: Pod, condition: object | undefined): Step {
  return {
    op: 'patch',
    kind: kinds.pods,
    target: pod,
    patch: { status: { phase: 'Failed', ...(condition ? { conditions: [condition] } : {}) } },
    patchType: 'strategic',
    subresource: 'status',
    evenIfChanged: true,
  };
}

function createdMs({ metadata }: Pod): number {
  return Date.parse(metadata.creationTimestamp ?? '');
}
