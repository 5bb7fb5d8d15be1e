import { formatIp, type IpAddress, type IpBlock, isInBlock, parseCidr, parseIp } from '@slipway/api/ip-address';
import { invariant } from '@slipway/kit/invariant';
import type { Random } from '@slipway/kit/random';
import { Bitmap } from './bitmap.ts';

export const alreadyAllocated = 'provided IP is already allocated';

/** Of a larger block only the first so many addresses are given out. */
const addressesMax = 2 ** 20;

/**
 * The virtual addresses of Services, from one block. The block's first address (the network) and in IPv4 its last (the broadcast) are
 * nobody's.
 */
export class ClusterIpAllocator {
  readonly family: 4 | 6;
  readonly cidr: string;
  readonly #block: IpBlock;
  readonly #bitmap: Bitmap;

  constructor(cidr: string) {
    const block = parseCidr(cidr);
    invariant(block, `${cidr} is no block of addresses`);
    this.cidr = cidr;
    this.family = block.family;
    this.#block = block;
    const unusable = block.family === 4 ? 2n : 1n;
    const usable = block.size > unusable ? block.size - unusable : 0n;
    const size = Number(usable > BigInt(addressesMax) ? BigInt(addressesMax) : usable);
    this.#bitmap = new Bitmap(size, lowerBandOf(size));
  }

  get free(): number {
    return this.#bitmap.free;
  }

  /** Undefined when it was free and is now taken; otherwise upstream's text. */
  take(address: string): string | undefined {
    const index = this.#indexOf(address);
    if (index === undefined) {
      return `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${this.cidr}`;
    }
    return this.#bitmap.take(index) ? undefined : alreadyAllocated;
  }

  /** Undefined when the block is full. */
  takeAny(random: Random): string | undefined {
    const index = this.#bitmap.takeAny(random);
    return index === undefined ? undefined : this.#addressAt(index);
  }

  release(address: string): void {
    const index = this.#indexOf(address);
    if (index !== undefined) this.#bitmap.release(index);
  }

  clear(): void {
    this.#bitmap.clear();
  }

  /** The nth usable address, from 1: `default/kubernetes` has the first, the cluster's DNS the tenth. */
  nth(n: number): string {
    invariant(n >= 1 && n <= this.#bitmap.size, `${this.cidr} has no address number ${n}`);
    return this.#addressAt(n - 1);
  }

  #addressAt(index: number): string {
    return formatIp({ family: this.family, value: this.#block.base + 1n + BigInt(index) });
  }

  #indexOf(text: string): number | undefined {
    const address: IpAddress | undefined = parseIp(text);
    if (!address || !isInBlock(this.#block, address)) return undefined;
    const index = Number(address.value - this.#block.base - 1n);
    return index >= 0 && index < this.#bitmap.size ? index : undefined;
  }
}

/** A sixteenth, between 16 and 256 addresses; a block too small for that has no band. */
function lowerBandOf(size: number): number {
  if (size <= 16) return 0;
  return Math.min(256, Math.max(16, Math.floor(size / 16)));
}
