import { domainCounts } from '../filters/pod-topology-spread.ts';
import type { NodeInfo } from '../node-info.ts';
import type { PodInfo, SpreadConstraint } from '../pod-info.ts';
import type { Score } from '../score.ts';

/**
 * Siblings: pods of the same owner. A pod that says nothing about spreading is spread over hosts by its owner,
 * which stands for upstream's default constraints over the Services and owners that select it.
 */
function siblingCounts({ ownerUid }: PodInfo, nodes: readonly NodeInfo[]): number[] | undefined {
  return ownerUid === undefined ? undefined : nodes.map((info) => info.siblings.get(ownerUid) ?? 0);
}

export const spread: Score = {
  name: 'PodTopologySpread',
  weight: 2,
  scale: 'lowest',
  score: (pod, nodes, all) => {
    const soft = pod.spread.filter((constraint) => !constraint.hard);
    if (soft.length === 0) return pod.spread.length === 0 ? siblingCounts(pod, nodes) : undefined;
    const counts = soft.map((constraint: SpreadConstraint) => ({
      constraint,
      domains: domainCounts(constraint, pod, all),
    }));
    return nodes.map((info) =>
      counts.reduce(
        (sum, { constraint, domains }) =>
          sum + (domains.get(info.labels[constraint.topologyKey] ?? '') ?? 0) / constraint.maxSkew,
        0,
      ),
    );
  },
};
