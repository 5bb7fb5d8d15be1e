/**
 * Spreading of pods that say nothing about it. Upstream's defaults: over hosts with a skew of 3 and over zones with a skew of 5, both
 * preferred, among the pods of the same owner; a pod without such an owner is counted with those that its Services select.
 */
import type { ClusterView } from '../cluster/cluster-state.ts';
import type { Labels } from '../pods/matchers.ts';
import type { PendingPod } from '../pods/pod-info.ts';
import { namespacedSelection } from '../pods/pod-terms.ts';

export const hostKey = 'kubernetes.io/hostname';

export const systemConstraints = [
  { topologyKey: hostKey, maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 },
] as const;

/** Pods that count, by slot. */
export interface PodCounts {
  at(slot: number): number;
  /** Calls for each node that has any. */
  each(visit: (slot: number, count: number) => void): void;
}

export function countsFromArray(counts: Int32Array): PodCounts {
  return {
    at: (slot) => counts[slot] ?? 0,
    each: (visit) => {
      for (let slot = 0; slot < counts.length; slot++) {
        const count = counts[slot] ?? 0;
        if (count > 0) visit(slot, count);
      }
    },
  };
}

/** Pods like this one; undefined when nothing says what they are. */
export function siblingsOf(pod: PendingPod, cluster: ClusterView): PodCounts | undefined {
  if (pod.spreadOwner !== undefined) {
    const counts = cluster.siblingsOf(pod.spreadOwner);
    return {
      at: (slot) => counts?.get(slot) ?? 0,
      each: (visit) => {
        for (const [slot, count] of counts ?? []) visit(slot, count);
      },
    };
  }
  const labels = serviceLabelsOf(pod, cluster);
  if (!labels) return undefined;
  const counts = cluster.indexes.countsOf(namespacedSelection(pod.namespace, { matchLabels: labels }));
  return countsFromArray(counts);
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
