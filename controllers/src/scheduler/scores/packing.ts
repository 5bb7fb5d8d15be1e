/** Nodes by how little of a resource would be left with the pod: the fullest has 100, the next fuller one point less. */
import { type ContestScore, scoreMax } from '../cycle/score.ts';
import { amountOf } from '../pods/amounts.ts';

export function packing(resource: 'cpu' | 'memory'): ContestScore {
  return {
    name: `Packing ${resource}`,
    isLocal: false,
    score: ({ feasible }, out) => {
      const left = feasible.map(
        ({ allocatable, requested }) => amountOf(allocatable, resource) - amountOf(requested, resource),
      );
      const levels = [...new Set(left)].toSorted((a, b) => a - b);
      if (levels.length < 2) return false;
      const rank = new Map(levels.map((level, i) => [level, Math.max(0, scoreMax - i)]));
      for (let i = 0; i < out.length; i++) out[i] = rank.get(left[i] ?? 0) ?? 0;
      return true;
    },
  };
}
