import { type LocalScore, scoreMax } from '../cycle/score.ts';
import { amountOf } from '../pods/amounts.ts';
import { isCompared } from './resource-strategies.ts';

/** Resources should be used in equal parts: the less the used fractions deviate from each other, the better. */
export const balancedAllocation: LocalScore = {
  name: 'NodeResourcesBalancedAllocation',
  isLocal: true,
  prepare: (pod, { balancedResources }) => {
    const { requests } = pod.demand;
    const asked = balancedResources
      .filter(({ name }) => isCompared(name, pod))
      .map(({ name }) => ({ name, amount: amountOf(requests, name) }));
    // A pod that asks for nothing moves no fraction.
    if (asked.every(({ amount }) => amount === 0)) return undefined;
    return ({ allocatable, requested }) => {
      const fractions: number[] = [];
      for (const { name, amount } of asked) {
        const room = amountOf(allocatable, name);
        if (room > 0) fractions.push(Math.min((amountOf(requested, name) + amount) / room, 1));
      }
      return Math.floor((1 - deviation(fractions)) * scoreMax);
    };
  },
};

function deviation(fractions: readonly number[]): number {
  if (fractions.length < 2) return 0;
  const [a = 0, b = 0] = fractions;
  if (fractions.length === 2) return Math.abs(a - b) / 2;
  const mean = fractions.reduce((sum, fraction) => sum + fraction, 0) / fractions.length;
  return Math.sqrt(fractions.reduce((sum, fraction) => sum + (fraction - mean) ** 2, 0) / fractions.length);
}
