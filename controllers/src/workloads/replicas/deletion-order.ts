/**
 * Which pods go first when there are too many, as upstream orders them: the less a pod does, the sooner it goes.
 * Ages are compared by powers of two, so that of pods about equally old an arbitrary one goes (by uid): otherwise it
 * would always be the newest zone or node that is emptied.
 */
import type { Pod } from '@slipway/api/types';
import { isPodReady, readySinceMs } from '../pod-readiness.ts';

const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

interface Ranked {
  readonly pod: Pod;
  readonly isAssigned: boolean;
  readonly phase: number;
  readonly isReady: boolean;
  readonly cost: number;
  readonly crowd: number;
  readonly readyAge: number;
  readonly restarts: number;
  readonly age: number;
}

/** Sorted copies: the first of the answer is to be deleted first. */
export function inDeletionOrder(
  pods: readonly Pod[],
  podsOnNode: ReadonlyMap<string, number>,
  nowMs: number,
): readonly Pod[] {
  return pods
    .map((pod) => rank(pod, podsOnNode, nowMs))
    .sort(compare)
    .map(({ pod }) => pod);
}

function rank(pod: Pod, podsOnNode: ReadonlyMap<string, number>, nowMs: number): Ranked {
  const readySince = readySinceMs(pod);
  return {
    pod,
    isAssigned: (pod.spec.nodeName ?? '') !== '',
    phase: phaseRank(pod.status?.phase),
    isReady: isPodReady(pod),
    cost: deletionCost(pod),
    crowd: podsOnNode.get(pod.spec.nodeName ?? '') ?? 0,
    readyAge: readySince === undefined ? -1 : logAge(readySince, nowMs),
    restarts: Math.max(0, ...(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount)),
    age: logAge(Date.parse(pod.metadata.creationTimestamp ?? ''), nowMs),
  };
}

function compare(a: Ranked, b: Ranked): number {
  return (
    Number(a.isAssigned) - Number(b.isAssigned) ||
    a.phase - b.phase ||
    Number(a.isReady) - Number(b.isReady) ||
    a.cost - b.cost ||
    b.crowd - a.crowd ||
    (a.isReady && b.isReady ? a.readyAge - b.readyAge : 0) ||
    b.restarts - a.restarts ||
    a.age - b.age ||
    compareText(a.pod.metadata.uid ?? '', b.pod.metadata.uid ?? '')
  );
}

function phaseRank(phase: string | undefined): number {
  if (phase === 'Running') return 2;
  return phase === 'Unknown' ? 1 : 0;
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[deletionCostAnnotation];
  return text !== undefined && /^(0|[+-]?[1-9]\d*)$/.test(text) ? Number(text) : 0;
}

function logAge(sinceMs: number, nowMs: number): number {
  const ageMs = nowMs - sinceMs;
  return ageMs > 0 ? Math.floor(Math.log2(ageMs * 1e6)) : -1;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
