import type { Random } from '@slipway/kit/random';
import { Bitmap } from './bitmap.ts';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export const portAlreadyAllocated = 'provided port is already allocated';

export const defaultNodePortRange: PortRange = { first: 30000, last: 32767 };

/** Ports that every node opens for a Service. */
export class NodePortAllocator {
  readonly range: PortRange;
  readonly #bitmap: Bitmap;

  constructor(range: PortRange) {
    this.range = range;
    const size = range.last - range.first + 1;
    this.#bitmap = new Bitmap(size, lowerBandOf(size));
  }

  get free(): number {
    return this.#bitmap.free;
  }

  /** Undefined when it was free and is now taken; otherwise upstream's text. */
  take(port: number): string | undefined {
    const { first, last } = this.range;
    if (port < first || port > last) {
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    }
    return this.#bitmap.take(port - first) ? undefined : portAlreadyAllocated;
  }

  /** Undefined when all are taken. */
  takeAny(random: Random): number | undefined {
    const index = this.#bitmap.takeAny(random);
    return index === undefined ? undefined : this.range.first + index;
  }

  release(port: number): void {
    const { first, last } = this.range;
    if (port >= first && port <= last) this.#bitmap.release(port - first);
  }

  clear(): void {
    this.#bitmap.clear();
  }
}

/** A thirty-second, between 16 and 128 ports; a range too small for that has no band. */
function lowerBandOf(size: number): number {
  if (size <= 16) return 0;
  return Math.min(128, Math.max(16, Math.floor(size / 32)));
}
