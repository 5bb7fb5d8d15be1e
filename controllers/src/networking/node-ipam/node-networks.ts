import { invariant } from '@slipway/kit/invariant';

/** An IPv4 network that is cut into equal parts, one per node. */
export interface NodeNetworks {
  /** `10.64.0.0/16`. */
  readonly clusterCidr: string;
  /** Bits of a node's part: 24 leaves 254 pods. */
  readonly nodeBits: number;
}

export const nodeBitsDefault = 24;

/** Undefined when all parts are taken. Overlaps with parts of another size count as taken. Pure. */
export function firstFreeNetwork(
  { clusterCidr, nodeBits }: NodeNetworks,
  taken: ReadonlySet<string>,
): string | undefined {
  const cluster = parseCidr(clusterCidr);
  invariant(
    cluster && cluster.bits <= nodeBits,
    `cluster CIDR ${clusterCidr} has no room for networks of /${nodeBits}`,
  );
  const size = 2 ** (32 - nodeBits);
  const ranges = [...taken].map(parseCidr).filter((range) => range !== undefined);
  const end = cluster.start + 2 ** (32 - cluster.bits);
  for (let start = cluster.start; start < end; start += size) {
    const overlaps = ranges.some((range) => start < range.start + 2 ** (32 - range.bits) && range.start < start + size);
    if (!overlaps) return `${formatAddress(start)}/${nodeBits}`;
  }
  return undefined;
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
