import { invariant } from '@slipway/kit/invariant';

/** An IPv4 network that is cut into equal parts, one per node. */
export interface NodeNetworks {
  /** `10.64.0.0/16`. */
  readonly clusterCidr: string;
  /** Bits of a node's part: 24 leaves 254 pods. */
  readonly nodeBits: number;
}

export const nodeBitsDefault = 24;

/** The parts of a cluster's network, by number, of which some are taken. One pass hands out any number of them. */
export class FreeNetworks {
  readonly #start: number;
  readonly #count: number;
  readonly #nodeBits: number;
  readonly #taken = new Set<number>();
  #next = 0;

  /** Parts that overlap with what is taken, of whatever size, are not handed out. */
  constructor({ clusterCidr, nodeBits }: NodeNetworks, taken: Iterable<string>) {
    const cluster = parseCidr(clusterCidr);
    invariant(
      cluster && cluster.bits <= nodeBits,
      `cluster CIDR ${clusterCidr} has no room for networks of /${nodeBits}`,
    );
    this.#start = cluster.start;
    this.#count = 2 ** (nodeBits - cluster.bits);
    this.#nodeBits = nodeBits;
    for (const text of taken) this.#take(text);
  }

  /** The first free part, which is then taken. Undefined when there is none. */
  take(): string | undefined {
    while (this.#next < this.#count && this.#taken.has(this.#next)) this.#next++;
    if (this.#next >= this.#count) return undefined;
    return `${formatAddress(this.#start + this.#next++ * this.#size)}/${this.#nodeBits}`;
  }

  get #size(): number {
    return 2 ** (32 - this.#nodeBits);
  }

  #take(text: string): void {
    const range = parseCidr(text);
    if (!range) return;
    const first = Math.floor((range.start - this.#start) / this.#size);
    const last = Math.floor((range.start + 2 ** (32 - range.bits) - 1 - this.#start) / this.#size);
    for (let part = Math.max(first, 0); part <= Math.min(last, this.#count - 1); part++) this.#taken.add(part);
  }
}

function parseCidr(text: string): { start: number; bits: number } | undefined {
  const [address = '', bitsText = ''] = text.split('/');
  const parts = address.split('.').map(Number);
  const bits = Number(bitsText);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part < 256)) || !(bits >= 0 && bits <= 32))
    return undefined;
  const value = parts.reduce((sum, part) => sum * 256 + part, 0);
  return { start: value - (value % 2 ** (32 - bits)), bits };
}

function formatAddress(value: number): string {
  return [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(value / unit) % 256).join('.');
}
