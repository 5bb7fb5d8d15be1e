import { type Random, seededRandom } from '@slipway/kit/random';

/**
 * The chance of one process. Its uuids tell the process and count on: a generator with 32 bits of state would now and then give
 * two processes the same, and whoever trusts uuids would be right to go wrong.
 */
export function processRandom(seed: number, process: number): Random {
  const random = seededRandom((Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(process + 1, 0x85ebca6b)) >>> 0);
  let count = 0;
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0').slice(-digits);
  const chance = (digits: number) => hex(Math.floor(random.next() * 16 ** digits), digits);
  const uuid = () => `${chance(8)}-${hex(process, 4)}-4${chance(3)}-8${chance(3)}-${hex(++count, 12)}`;
  return { ...random, uuid };
}

/** Ways to ask a generator. */
export class Chance {
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  strikes(probability: number): boolean {
    return this.random.next() < probability;
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.random.next() * (most - least + 1));
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.random.next() * items.length)];
  }

  /** One of the choices, each as likely as its weight says. */
  weighted<T>(choices: readonly { readonly weight: number; readonly value: T }[]): T | undefined {
    let left = this.random.next() * choices.reduce((sum, { weight }) => sum + weight, 0);
    for (const { weight, value } of choices) {
      left -= weight;
      if (left < 0) return value;
    }
    return choices.at(-1)?.value;
  }
}
