import { type Score, scoreMax } from '../cycle/score.ts';
import { amountOf } from '../pods/amounts.ts';
import { isCompared } from './resource-strategies.ts';

/** Resources should be used in equal parts: the less the used fractions deviate from each other, the better. */
export const balancedAllocation: Score = {
  name: 'NodeResourcesBalancedAllocation',
  score: ({ pod, feasible, args }, out) => {
    const { requests } = pod.demand;
    const resources = args.balancedResources.map(({ name }) => name).filter((name) => isCompared(name, pod));
    // A pod that asks for nothing moves no fraction.
    if (resources.every((name) => amountOf(requests, name) === 0)) return false;
    const asked = resources.map((name) => amountOf(requests, name));
    const fractions: number[] = [];
    for (const [i, { allocatable, requested }] of feasible.entries()) {
      fractions.length = 0;
      for (const [j, name] of resources.entries()) {
        const room = amountOf(allocatable, name);
        if (room > 0) fractions.push(Math.min((amountOf(requested, name) + (asked[j] ?? 0)) / room, 1));
      }
      out[i] = Math.floor((1 - deviation(fractions)) * scoreMax);
    }
    return true;
  },
};

function deviation(fractions: readonly number[]): number {
  if (fractions.length < 2) return 0;
  const [a = 0, b = 0] = fractions;
  if (fractions.length === 2) return Math.abs(a - b) / 2;
  const mean = fractions.reduce((sum, fraction) => sum + fraction, 0) / fractions.length;
  return Math.sqrt(fractions.reduce((sum, fraction) => sum + (fraction - mean) ** 2, 0) / fractions.length);
}
