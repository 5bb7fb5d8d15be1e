import type { Score } from '../score.ts';

export const nodePreference: Score = {
  name: 'NodeAffinity',
  weight: 2,
  scale: 'highest',
  score: (pod, nodes) => {
    if (pod.preferredNodes.length === 0) return undefined;
    return nodes.map((info) =>
      pod.preferredNodes.reduce((sum, { weight, matches }) => sum + (info.node && matches(info.node) ? weight : 0), 0),
    );
  },
};
