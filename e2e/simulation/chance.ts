import type { Random } from '@slipway/kit/random';

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
