import { CniError } from '../../spec/cni-error.ts';
import { formatAddress, type IpAddress, parseAddress } from '../../spec/ip-address.ts';
import type { Attachment } from '../../spec/types.ts';
import {
  type AddressRange,
  addressesAfter,
  type Candidate,
  formatRange,
  rangeContains,
  type RangeSet,
} from './ranges.ts';
import type { ReservationStore } from './reservation-store.ts';

export interface Allocation {
  readonly address: IpAddress;
  readonly range: AddressRange;
}

/**
 * Takes one address of each range set for the attachment: the requested one where a request falls into the set, else the
 * next free one after the last given. All or nothing: on failure the attachment holds none. Throws `CniError`.
 */
export async function allocate(
  store: ReservationStore,
  sets: readonly RangeSet[],
  attachment: Attachment,
  requested: readonly IpAddress[],
): Promise<readonly Allocation[]> {
  requireInside(sets, requested);
  if (!(await store.open(attachment))) {
    const { containerID, ifname } = attachment;
    const held = await store.addressesOf(attachment);
    throw new CniError(
      'addressUnavailable',
      `${containerID} interface ${ifname} already holds ${held.join(', ') || 'a reservation'}`,
    );
  }
  try {
    const held = await store.held();
    const allocations: Allocation[] = [];
    for (const [index, set] of sets.entries()) {
      const wish = requested.find((address) => set.some((range) => rangeContains(range, address)));
      const found = wish
        ? await takeRequested(store, set, attachment, wish)
        : await takeNext({ store, set, index, held }, attachment);
      allocations.push(found);
    }
    return allocations;
  } catch (error) {
    await store.release(attachment);
    throw error;
  }
}

async function takeRequested(
  store: ReservationStore,
  set: RangeSet,
  attachment: Attachment,
  wish: IpAddress,
): Promise<Allocation> {
  const range = set.find((each) => rangeContains(each, wish));
  const text = formatAddress(wish);
  if (!range) throw notInside(text);
  if (wish.value === range.gateway)
    throw new CniError('addressUnavailable', `requested ip ${text} is subnet's gateway`);
  if (await store.reserve(attachment, text)) return { address: wish, range };
  throw new CniError(
    'addressUnavailable',
    `requested IP address ${text} is not available in range set ${describe(set)}`,
  );
}

interface Search {
  readonly store: ReservationStore;
  readonly set: RangeSet;
  readonly index: number;
  readonly held: ReadonlySet<string>;
}

async function takeNext({ store, set, index, held }: Search, attachment: Attachment): Promise<Allocation> {
  for (const candidate of addressesAfter(set, await lastOf(store, index))) {
    const text = formatAddress(candidate.address);
    if (held.has(text) || !(await store.reserve(attachment, text))) continue;
    await store.setLastReserved(index, text);
    return allocationFrom(candidate);
  }
  throw new CniError('addressUnavailable', `no IP addresses available in range set: ${describe(set)}`);
}

async function lastOf(store: ReservationStore, index: number): Promise<IpAddress | undefined> {
  const text = await store.lastReserved(index);
  if (!text) return undefined;
  try {
    return parseAddress(text.trim());
  } catch {
    return undefined; // a torn write
  }
}

function allocationFrom({ address, range }: Candidate): Allocation {
  return { address, range };
}

function requireInside(sets: readonly RangeSet[], requested: readonly IpAddress[]): void {
  for (const address of requested) {
    const homes = sets.filter((set) => set.some((range) => rangeContains(range, address)));
    if (homes.length === 0) throw notInside(formatAddress(address));
  }
}

function notInside(text: string): CniError {
  return new CniError('addressUnavailable', `failed to allocate all requested IPs: ${text} is in no range`);
}

function describe(set: RangeSet): string {
  return set.map(formatRange).join(',');
}
