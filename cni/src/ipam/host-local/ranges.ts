import { CniError } from '../../spec/cni-error.ts';
import { fields, optionalString } from '../../spec/json.ts';
import {
  formatAddress,
  formatNetwork,
  type IpAddress,
  type IpNetwork,
  lastValue,
  networkContains,
  networksOverlap,
  parseAddress,
  parseNetwork,
} from '../../spec/ip-address.ts';

/** Pure. A range is a stretch of one subnet; a range set is a list of ranges from which one address is given. */
export interface AddressRange {
  readonly subnet: IpNetwork;
  readonly start: bigint;
  readonly end: bigint;
  /** Never given away. */
  readonly gateway: bigint;
}

export type RangeSet = readonly AddressRange[];

/**
 * Those of the runtime (the capability `ipRanges`) come before those of the configuration. Throws `CniError` (invalid configuration)
 * for a range outside its subnet, a subnet too small, an overlap.
 */
export function parseRangeSets(ipam: Readonly<Record<string, unknown>>, ofRuntime?: unknown): readonly RangeSet[] {
  const sets: unknown[] = [];
  if (ofRuntime !== undefined && ofRuntime !== null) {
    if (!Array.isArray(ofRuntime)) throw invalid('runtimeConfig.ipRanges is not a list');
    sets.push(...ofRuntime);
  }
  if (ipam.subnet !== undefined) sets.push([ipam]); // the form from before there were several
  const ranges = ipam.ranges ?? [];
  if (!Array.isArray(ranges)) throw invalid('ipam: ranges is not a list');
  sets.push(...ranges);
  if (sets.length === 0) throw invalid('no IP ranges specified');
  const parsed = sets.map((set, i) => parseRangeSet(set, i));
  parsed.forEach((set, i) => {
    for (const other of parsed.slice(i + 1)) requireApart(set, other);
  });
  return parsed;
}

function parseRangeSet(raw: unknown, index: number): RangeSet {
  if (!Array.isArray(raw) || raw.length === 0) throw invalid(`ipam: range set ${index} is empty`);
  const set = raw.map(parseRange);
  if (set.some((range) => range.subnet.family !== set[0]?.subnet.family)) {
    throw invalid(`ipam: range set ${index} mixes address families`);
  }
  set.forEach((range, i) => {
    requireApart([range], set.slice(i + 1));
  });
  return set;
}

function parseRange(raw: unknown): AddressRange {
  const object = fields(raw, 'ipam range');
  const subnetText = optionalString(object, 'subnet');
  if (!subnetText) throw invalid('ipam: a range has no subnet');
  const subnet = parseNetwork(subnetText);
  const bits = subnet.family === 4 ? 32 : 128;
  if (subnet.prefixLength > bits - 2) throw invalid(`network ${formatNetwork(subnet)} too small to allocate from`);
  const inside = (key: string, otherwise: bigint) => {
    const text = optionalString(object, key);
    if (!text) return otherwise;
    const address = parseAddress(text);
    if (!networkContains(subnet, address)) throw invalid(`${key} ${text} not in network ${formatNetwork(subnet)}`);
    return address.value;
  };
  const start = inside('rangeStart', subnet.base + 1n);
  // The last address of an IPv4 subnet is its broadcast address.
  const end = inside('rangeEnd', lastValue(subnet) - (subnet.family === 4 ? 1n : 0n));
  if (start > end) throw invalid(`range of network ${formatNetwork(subnet)} ends before it starts`);
  const gatewayText = optionalString(object, 'gateway');
  const gateway = gatewayText ? parseAddress(gatewayText).value : subnet.base + 1n;
  return { subnet, start, end, gateway };
}

function requireApart(one: RangeSet, other: RangeSet): void {
  for (const a of one) {
    for (const b of other) {
      const overlaps = networksOverlap(a.subnet, b.subnet) && a.start <= b.end && b.start <= a.end;
      if (overlaps) throw invalid(`range ${formatRange(a)} overlaps with ${formatRange(b)}`);
    }
  }
}

export function rangeContains(range: AddressRange, address: IpAddress): boolean {
  return address.family === range.subnet.family && address.value >= range.start && address.value <= range.end;
}

/** Every address of the set once, beginning after `last` and going round; gateways left out. */
export function* addressesAfter(set: RangeSet, last: IpAddress | undefined): Generator<Candidate> {
  const at = last ? set.findIndex((range) => rangeContains(range, last)) : -1;
  const first = set[at];
  if (!first || !last) {
    for (const range of set) yield* addressesOf(range, range.start, range.end);
    return;
  }
  yield* addressesOf(first, last.value + 1n, first.end);
  for (const range of [...set.slice(at + 1), ...set.slice(0, at)]) yield* addressesOf(range, range.start, range.end);
  yield* addressesOf(first, first.start, last.value);
}

export interface Candidate {
  readonly address: IpAddress;
  readonly range: AddressRange;
}

function* addressesOf(range: AddressRange, from: bigint, to: bigint): Generator<Candidate> {
  for (let value = from; value <= to; value++) {
    if (value !== range.gateway) yield { address: { family: range.subnet.family, value }, range };
  }
}

export function formatRange(range: AddressRange): string {
  const of = (value: bigint) => formatAddress({ family: range.subnet.family, value });
  return `${of(range.start)}-${of(range.end)}`;
}

function invalid(message: string): CniError {
  return new CniError('invalidNetworkConfig', message);
}
