import type { Pod, Taint } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import type { FirstSeen } from '../first-seen.ts';

export interface ObservedTaintedPod {
  readonly pod: Pod;
  /** The taints of its node that drive pods out, and since when each is there. */
  readonly taints: readonly { readonly taint: Taint; readonly sinceMs: number }[];
}

export function observeTaintedPod(
  key: ObjectKey,
  caches: Caches,
  seen: FirstSeen,
  nowMs: number,
): ObservedTaintedPod | undefined {
  const pod = caches.get(kinds.pods, key);
  if (!pod?.spec.nodeName) return undefined;
  const node = caches.get(kinds.nodes, pod.spec.nodeName);
  const taints = node?.spec.taints?.filter(({ effect }) => effect === 'NoExecute') ?? [];
  if (!node || taints.length === 0) return undefined;
  // A taint of a user carries no time; it counts from when we saw it.
  const since = (taint: Taint) =>
    taint.timeAdded
      ? Date.parse(taint.timeAdded)
      : seen.since(`${node.metadata.name} ${taint.key}`, `${node.metadata.uid} ${taint.value ?? ''}`, nowMs);
  return { pod, taints: taints.map((taint) => ({ taint, sinceMs: since(taint) })) };
}
