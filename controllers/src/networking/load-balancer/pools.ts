import { formatIp, type IpAddress, parseCidr, parseIp } from '@slipway/api/ip-address';
import type { AddressPool } from '@slipway/api/networks/network-types';

/** Consecutive addresses, both ends counted. */
export interface AddressRange {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

export interface CheckedPool {
  readonly pool: AddressPool;
  /** Empty when there is a problem: nothing is given out of such a pool. */
  readonly ranges: readonly AddressRange[];
  readonly problem: { readonly reason: string; readonly message: string } | undefined;
}

/** Pure: oldest first. Of two that overlap the older one counts, so that a new pool never takes away what is in use. */
export function checkPools(pools: readonly AddressPool[]): readonly CheckedPool[] {
  const checked: CheckedPool[] = [];
  for (const pool of pools.toSorted(byAge)) {
    const ranges = pool.spec.addresses.map(rangeFrom);
    const wrong = ranges.indexOf(undefined);
    const known = ranges.filter((range) => range !== undefined);
    const problem =
      wrong >= 0
        ? {
            reason: 'InvalidRange',
            message: `spec.addresses[${wrong}]: ${wrongText(pool.spec.addresses[wrong] ?? '')}`,
          }
        : (overlapWithin(pool, known) ?? overlapWith(pool, known, checked));
    checked.push({ pool, ranges: problem ? [] : known, problem });
  }
  return checked;
}

export function rangeFrom(text: string): AddressRange | undefined {
  const block = parseCidr(text);
  if (block) return { family: block.family, first: block.base, last: block.base + block.size - 1n };
  const [first, last, ...more] = text.split('-').map((end) => parseIp(end.trim()));
  if (!first || !last || more.length > 0 || first.family !== last.family || last.value < first.value) return undefined;
  return { family: first.family, first: first.value, last: last.value };
}

export function isInRange({ family, first, last }: AddressRange, address: IpAddress): boolean {
  return family === address.family && first <= address.value && address.value <= last;
}

/** Oldest first, then by name. */
function byAge(a: AddressPool, b: AddressPool): number {
  const [x, y] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp ?? ''} ${metadata.name}`);
  return (x ?? '') < (y ?? '') ? -1 : 1;
}

function wrongText(text: string): string {
  return `"${text}" is no range: both ends must be addresses of one family, the first not behind the last`;
}

function overlapWithin({ spec }: AddressPool, ranges: readonly AddressRange[]): CheckedPool['problem'] {
  for (const [i, one] of ranges.entries()) {
    const j = ranges.findIndex((other, at) => at > i && isOverlap(one, other));
    if (j < 0) continue;
    const message = `spec.addresses[${j}]: ${spec.addresses[j]} overlaps with ${spec.addresses[i]}`;
    return { reason: 'Overlap', message };
  }
  return undefined;
}

function overlapWith(
  { spec }: AddressPool,
  ranges: readonly AddressRange[],
  older: readonly CheckedPool[],
): CheckedPool['problem'] {
  for (const [i, one] of ranges.entries()) {
    for (const { pool, ranges: theirs } of older) {
      const j = theirs.findIndex((other) => isOverlap(one, other));
      if (j < 0) continue;
      const theirText = `${pool.spec.addresses[j]} of AddressPool ${pool.metadata.name}, which is older`;
      return { reason: 'Overlap', message: `spec.addresses[${i}]: ${spec.addresses[i]} overlaps with ${theirText}` };
    }
  }
  return undefined;
}

function isOverlap(a: AddressRange, b: AddressRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

export function sizeOf(ranges: readonly AddressRange[]): bigint {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
}

/** The first that `isFree` takes. Addresses that end in 0 or 255 are passed over: they may be those of a LAN as a whole. */
export function firstFree(range: AddressRange, isFree: (address: IpAddress) => boolean): string | undefined {
  for (let value = range.first; value <= range.last; value++) {
    const end = value & 255n;
    const address = { family: range.family, value };
    if (range.family === 4 && (end === 0n || end === 255n)) continue;
    if (isFree(address)) return formatIp(address);
  }
  return undefined;
}
