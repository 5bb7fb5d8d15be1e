import { invariant } from '@slipway/kit/invariant';
import type { Random } from '@slipway/kit/random';

/**
 * Numbers from 0 to size-1, each free or taken. The lower band is kept for those who ask for a number; numbers that nobody chose come from
 * above it, and from it only when all others are taken. So a user who picks a low number seldom finds it gone.
 */
export class Bitmap {
  readonly size: number;
  readonly #words: Uint32Array;
  readonly #lowerBand: number;
  #taken = 0;

  constructor(size: number, lowerBand: number) {
    invariant(size >= 0 && lowerBand >= 0 && lowerBand <= size, 'a bitmap has a size and a band within it');
    this.size = size;
    this.#lowerBand = lowerBand;
    this.#words = new Uint32Array(Math.ceil(size / 32));
  }

  get free(): number {
    return this.size - this.#taken;
  }

  has(index: number): boolean {
    return ((this.#words[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;
  }

  /** False when it was taken already. */
  take(index: number): boolean {
    invariant(index >= 0 && index < this.size, `${index} is outside of a bitmap of ${this.size}`);
    if (this.has(index)) return false;
    const word = index >>> 5;
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (index & 31));
    this.#taken++;
    return true;
  }

  /** Takes any free number; undefined when there is none. */
  takeAny(random: Random): number | undefined {
    const index = this.#findFree(this.#lowerBand, this.size, random) ?? this.#findFree(0, this.#lowerBand, random);
    if (index !== undefined) this.take(index);
    return index;
  }

  release(index: number): void {
    if (!this.has(index)) return;
    const word = index >>> 5;
    this.#words[word] = (this.#words[word] ?? 0) & ~(1 << (index & 31));
    this.#taken--;
  }

  clear(): void {
    this.#words.fill(0);
    this.#taken = 0;
  }

  /** From a random place on, once around. */
  #findFree(from: number, to: number, random: Random): number | undefined {
    const length = to - from;
    if (length <= 0) return undefined;
    const start = Math.floor(random.next() * length);
    for (let i = 0; i < length; i++) {
      const index = from + ((start + i) % length);
      if (!this.has(index)) return index;
    }
    return undefined;
  }
}
