import { type ContestScore, scaleToHighest } from '../cycle/score.ts';

/** Preferred node affinity of the pod and of its profile. */
export const nodePreference: ContestScore = {
  name: 'NodeAffinity',
  isLocal: false,
  score: ({ pod, cluster, feasible, args }, out) => {
    const preferred = [...pod.demand.preferredNodes, ...args.addedPreferredNodes];
    if (preferred.length === 0) return false;
    for (const { weight, nodes } of preferred) {
      const isPreferred = cluster.indexes.selector(nodes);
      for (const [i, node] of feasible.entries()) if (isPreferred(node)) out[i] = (out[i] ?? 0) + weight;
    }
    scaleToHighest(out, false);
    return true;
  },
};
