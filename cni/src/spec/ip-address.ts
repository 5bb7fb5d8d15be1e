import { isIPv4, isIPv6 } from 'node:net';
import { CniError } from './cni-error.ts';

/** Addresses as numbers, so that ranges can be walked. Pure. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface IpNetwork {
  readonly family: 4 | 6;
  /** With all host bits zero. */
  readonly base: bigint;
  readonly prefixLength: number;
}

export function addressBits(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

/** Throws `CniError` (invalid configuration). Takes IPv6 with an embedded IPv4 tail; no zone. */
export function parseAddress(text: string): IpAddress {
  if (isIPv4(text)) return { family: 4, value: parseIpv4(text) };
  if (isIPv6(text) && !text.includes('%')) return { family: 6, value: parseIpv6(text) };
  throw new CniError('invalidNetworkConfig', `invalid IP address ${JSON.stringify(text)}`);
}

/** `10.1.2.3/16` as the network 10.1.0.0/16. */
export function parseNetwork(text: string): IpNetwork {
  const { address, prefixLength } = parseInterfaceAddress(text);
  return networkOf(address, prefixLength);
}

/** `10.1.2.3/16` with its host bits kept. */
export function parseInterfaceAddress(text: string): { readonly address: IpAddress; readonly prefixLength: number } {
  const [ip = '', length = '', ...rest] = text.split('/');
  const address = parseAddress(ip);
  const prefixLength = Number(length);
  if (rest.length > 0 || !/^\d{1,3}$/.test(length) || prefixLength > addressBits(address.family)) {
    throw new CniError('invalidNetworkConfig', `invalid CIDR address ${JSON.stringify(text)}`);
  }
  return { address, prefixLength };
}

export function networkOf(address: IpAddress, prefixLength: number): IpNetwork {
  const hostBits = BigInt(addressBits(address.family) - prefixLength);
  return { family: address.family, base: (address.value >> hostBits) << hostBits, prefixLength };
}

export function lastValue(network: IpNetwork): bigint {
  return network.base + (1n << BigInt(addressBits(network.family) - network.prefixLength)) - 1n;
}

export function networkContains(network: IpNetwork, address: IpAddress): boolean {
  return address.family === network.family && address.value >= network.base && address.value <= lastValue(network);
}

export function networksOverlap(one: IpNetwork, other: IpNetwork): boolean {
  return one.family === other.family && one.base <= lastValue(other) && other.base <= lastValue(one);
}

export function formatNetwork(network: IpNetwork): string {
  return `${formatAddress({ family: network.family, value: network.base })}/${network.prefixLength}`;
}

/** Dotted for IPv4, RFC 5952 for IPv6. */
export function formatAddress(address: IpAddress): string {
  if (address.family === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => (address.value >> shift) & 0xffn).join('.');
  }
  const groups = Array.from({ length: 8 }, (_, i) => Number((address.value >> BigInt(112 - i * 16)) & 0xffffn));
  const zeros = longestZeros(groups);
  const hex = groups.map((group) => group.toString(16));
  if (zeros.length < 2) return hex.join(':');
  return `${hex.slice(0, zeros.start).join(':')}::${hex.slice(zeros.start + zeros.length).join(':')}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let run = { start: 0, length: 0 };
  groups.forEach((group, i) => {
    run = group !== 0 ? { start: i + 1, length: 0 } : { start: run.start, length: run.length + 1 };
    if (run.length > best.length) best = run;
  });
  return best;
}

function parseIpv4(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function parseIpv6(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const middle = Array.from({ length: 8 - left.length - right.length }, () => 0n);
  return [...left, ...middle, ...right].reduce((value, group) => (value << 16n) | group, 0n);
}

function groupsOf(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const value = parseIpv4(group);
    return [value >> 16n, value & 0xffffn];
  });
}
