import type { Score } from '../score.ts';
import { usedFractions } from './least-allocated.ts';

export const balancedAllocation: Score = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  scale: 'asIs',
  score: (pod, nodes) =>
    nodes.map((info) => {
      const { cpu, memory } = usedFractions(pod, info);
      return (1 - Math.abs(cpu - memory) / 2) * 100;
    }),
};
