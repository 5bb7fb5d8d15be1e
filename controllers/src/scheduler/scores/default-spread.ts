/**
 * Spreading of pods that say nothing about it. Upstream's defaults: over hosts with a skew of 3 and over zones with a skew of 5, both
 * preferred, among the pods of the same owner; a pod without such an owner is counted with those that its Services select.
 */
import type { ClusterView } from '../cluster/cluster-state.ts';
import type { SlotCounts } from '../cluster/slot-counts.ts';
import type { Labels } from '../pods/matchers.ts';
import type { PendingPod } from '../pods/pod-info.ts';
import { namespacedSelection } from '../pods/pod-terms.ts';

export const hostKey = 'kubernetes.io/hostname';

export const systemConstraints = [
  { topologyKey: hostKey, maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 },
] as const;

/** Pods like this one by slot: how many are there. Undefined when nothing says what they are. */
export type SiblingCounts = (slot: number) => number;

export function siblingsOf(pod: PendingPod, cluster: ClusterView): SiblingCounts | undefined {
  if (pod.spreadOwner !== undefined) {
    const counts: SlotCounts | undefined = cluster.siblingsOf(pod.spreadOwner);
    return (slot) => counts?.get(slot) ?? 0;
  }
  const labels = serviceLabelsOf(pod, cluster);
  if (!labels) return undefined;
  const counts = cluster.indexes.countsOf(namespacedSelection(pod.namespace, { matchLabels: labels }));
  return (slot) => counts[slot] ?? 0;
}

/** All that the pod's Services select by; undefined when none selects it. */
export function serviceLabelsOf({ namespace, group }: PendingPod, cluster: ClusterView): Labels | undefined {
  let labels: Labels | undefined;
  for (const selector of cluster.servicesOf(namespace)) {
    if (Object.entries(selector).every(([key, value]) => group.labels[key] === value))
      labels = { ...labels, ...selector };
  }
  return labels;
}
