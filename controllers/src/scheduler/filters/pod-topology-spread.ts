import type { Filter } from '../filter.ts';
import type { NodeInfo } from '../node-info.ts';
import type { PodInfo, SpreadConstraint } from '../pod-info.ts';
import { untolerated } from './taints.ts';

/** Whether the node's pods count for the constraint's skew. */
export function countsFor(constraint: SpreadConstraint, pod: PodInfo, info: NodeInfo): boolean {
  if (!info.node) return false;
  if (constraint.honorAffinity && pod.nodeMatches && !pod.nodeMatches(info.node)) return false;
  return !(
    constraint.honorTaints && untolerated(info.node.spec.taints ?? [], pod.tolerations, ['NoSchedule', 'NoExecute'])
  );
}

/** Matching pods per topology domain, over the nodes that have every constraint's key. */
export function domainCounts(
  constraint: SpreadConstraint,
  pod: PodInfo,
  nodes: readonly NodeInfo[],
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const info of nodes) {
    const domain = info.labels[constraint.topologyKey];
    if (domain === undefined || !countsFor(constraint, pod, info)) continue;
    let matching = 0;
    for (const other of info.pods.values()) {
      if (
        other.namespace === pod.namespace &&
        !other.pod.metadata.deletionTimestamp &&
        constraint.matches(other.labels)
      )
        matching++;
    }
    counts.set(domain, (counts.get(domain) ?? 0) + matching);
  }
  return counts;
}

export const podTopologySpread: Filter = {
  name: 'PodTopologySpread',
  wokenBy: ['nodeAdded', 'nodeChanged', 'podRemoved', 'podPlaced'],
  prepare: (pod, nodes) => {
    const hard = pod.spread.filter((constraint) => constraint.hard);
    if (hard.length === 0) return undefined;
    const states = hard.map((constraint) => {
      const counts = domainCounts(constraint, pod, nodes);
      const lowest = counts.size < constraint.minDomains ? 0 : Math.min(...counts.values());
      return { constraint, counts, lowest, self: constraint.matches(pod.labels) ? 1 : 0 };
    });
    return (info) => {
      for (const { constraint, counts, lowest, self } of states) {
        const domain = info.labels[constraint.topologyKey];
        if (domain === undefined) {
          return [
            {
              reason: "node(s) didn't match pod topology spread constraints (missing required label)",
              resolvable: false,
            },
          ];
        }
        if ((counts.get(domain) ?? 0) + self - lowest > constraint.maxSkew) {
          return [{ reason: "node(s) didn't match pod topology spread constraints", resolvable: true }];
        }
      }
      return undefined;
    };
  },
};
