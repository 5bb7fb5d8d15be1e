import { parseCidr } from '@slipway/api/ip-address';

/** The network and its first host, which is the node's own. */
const reservedFirst = 2;
/** The broadcast address. */
const reservedLast = 1;

/** Hands out the addresses of one node's network, each once. IPv4. */
export class PodAddresses {
  readonly #base: number;
  readonly #size: number;
  readonly #taken = new Set<number>();
  #next = reservedFirst;

  constructor(cidr: string) {
    const block = parseCidr(cidr);
    this.#base = Number(block?.base ?? 0n);
    this.#size = block?.family === 4 ? Number(block.size) : 0;
  }

  /** Undefined when none is free. Goes round, so that an address rests before it is used again. */
  take(): string | undefined {
    const count = this.#size - reservedFirst - reservedLast;
    for (let i = 0; i < count; i++) {
      const host = reservedFirst + ((this.#next - reservedFirst + i) % count);
      if (this.#taken.has(host)) continue;
      this.#taken.add(host);
      this.#next = host + 1;
      return textOf(this.#base + host);
    }
    return undefined;
  }

  /** An address that a pod has from before. One of another network is nobody's concern here. */
  keep(address: string): void {
    const host = this.#hostOf(address);
    if (host !== undefined) this.#taken.add(host);
  }

  release(address: string): void {
    const host = this.#hostOf(address);
    if (host !== undefined) this.#taken.delete(host);
  }

  #hostOf(address: string): number | undefined {
    const value = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    const host = value - this.#base;
    return host >= 0 && host < this.#size ? host : undefined;
  }
}

function textOf(value: number): string {
  return [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(value / unit) % 256).join('.');
}

/** The network of the nth node within the range for all of them; the range is used again from its start when it is too small. */
export function networkOf(index: number, range: string, nodeBits = 24): string {
  const block = parseCidr(range);
  const parts = block ? 2 ** Math.max(0, nodeBits - block.prefixLength) : 1;
  const base = Number(block?.base ?? 0n) + (index % parts) * 2 ** (32 - nodeBits);
  return `${textOf(base)}/${Math.max(nodeBits, block?.prefixLength ?? nodeBits)}`;
}
