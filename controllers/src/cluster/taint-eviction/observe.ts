import type { Pod, Taint } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import type { FirstSeen } from '../first-seen.ts';
import { toleratedSeconds } from './tolerations.ts';

export interface ObservedTaintedPod {
  readonly pod: Pod;
  /** When it is to go, milliseconds since the epoch; undefined when it may stay. */
  readonly dueMs: number | undefined;
  /** It was to go at a later time, and that has changed its mind. */
  readonly isSpared: boolean;
}

/** What no object says: when taints without a time were seen first, and which pods are to go. */
export interface TaintMemory {
  readonly seen: FirstSeen;
  readonly condemned: Set<ObjectKey>;
}

export function observeTaintedPod(
  key: ObjectKey,
  caches: Caches,
  { seen, condemned }: TaintMemory,
  nowMs: number,
): ObservedTaintedPod | undefined {
  const pod = caches.get(kinds.pods, key);
  const node = pod?.spec.nodeName ? caches.get(kinds.nodes, pod.spec.nodeName) : undefined;
  const wasCondemned = condemned.delete(key);
  if (!pod || pod.metadata.deletionTimestamp) return undefined;
  // A taint of a user carries no time; it counts from when we saw it.
  const sinceMs = ({ key: taint, value = '', timeAdded }: Taint) =>
    timeAdded
      ? Date.parse(timeAdded)
      : seen.since(`${node?.metadata.name} ${taint}`, `${node?.metadata.uid} ${value}`, nowMs);
  const dueMs = dueMsOf(pod, drivingOut(node?.spec.taints), sinceMs);
  if (dueMs !== undefined && dueMs > nowMs) condemned.add(key);
  if (dueMs === undefined && !wasCondemned) return undefined;
  return { pod, dueMs, isSpared: wasCondemned && dueMs === undefined };
}

export function drivingOut(taints: readonly Taint[] | undefined): readonly Taint[] {
  return taints?.filter(({ effect }) => effect === 'NoExecute') ?? [];
}

/**
 * When the first of the taints is no longer borne. A pod that came to a node that had the taint already is given its whole time, from when it
 * was placed there.
 */
export function dueMsOf(pod: Pod, taints: readonly Taint[], sinceMs: (taint: Taint) => number): number | undefined {
  const tolerations = pod.spec.tolerations ?? [];
  const ends = taints.map((taint) => {
    const seconds = toleratedSeconds(tolerations, taint);
    if (seconds === undefined) return Number.NEGATIVE_INFINITY;
    return Math.max(sinceMs(taint), placedMs(pod)) + seconds * 1000;
  });
  const end = Math.min(...ends);
  return end === Number.POSITIVE_INFINITY ? undefined : end;
}

function placedMs({ metadata, status }: Pod): number {
  const scheduled = status?.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'True');
  const placed = Date.parse(scheduled?.lastTransitionTime ?? metadata.creationTimestamp ?? '');
  return Number.isNaN(placed) ? Number.NEGATIVE_INFINITY : placed;
}
