import { domainCounts } from '../filters/pod-topology-spread.ts';
import type { NodeInfo } from '../node-info.ts';
import type { PodInfo, SpreadConstraint } from '../pod-info.ts';
import type { Score } from '../score.ts';

/**
 * Siblings: pods of the same owner. A pod that says nothing about spreading is spread over hosts by its owner,
 * which stands for upstream's default constraints over the Services and owners that select it.
 */
function siblingCounts(pod: PodInfo, nodes: readonly NodeInfo[]): number[] | undefined {
  const owner = pod.pod.metadata.ownerReferences?.find((reference) => reference.controller)?.uid;
  if (owner === undefined) return undefined;
  return nodes.map((info) => {
    let count = 0;
    for (const other of info.pods.values()) {
      if (other.pod.metadata.ownerReferences?.some((reference) => reference.controller && reference.uid === owner))
        count++;
    }
    return count;
  });
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
