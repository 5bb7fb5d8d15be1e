/** IP addresses and blocks as numbers, without a platform's network module. Leading zeros in IPv4 are refused: they mean two things. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface IpBlock {
  readonly family: 4 | 6;
  /** The first address of the block. */
  readonly base: bigint;
  readonly prefixLength: number;
  /** How many addresses the block has. */
  readonly size: bigint;
}

const ipv4Shape = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
const groupShape = /^[0-9a-fA-F]{1,4}$/;
const prefixShape = /^(0|[1-9]\d{0,2})$/;

/** Undefined when the text is no address. */
export function parseIp(text: string): IpAddress | undefined {
  const value = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  return value === undefined ? undefined : { family: text.includes(':') ? 6 : 4, value };
}

function parseIpv4(text: string): bigint | undefined {
  const match = ipv4Shape.exec(text);
  if (!match) return undefined;
  let value = 0;
  for (let i = 1; i <= 4; i++) {
    const octet = Number(match[i]);
    if (octet > 255) return undefined;
    value = value * 256 + octet;
  }
  return BigInt(value);
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? '');
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? '') : [];
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

function groupsOf(text: string): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (i === parts.length - 1 && part.includes('.')) {
      const embedded = parseIpv4(part);
      if (embedded === undefined) return undefined;
      groups.push(Number(embedded >> 16n), Number(embedded & 0xffffn));
    } else if (groupShape.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

/** `10.96.0.0/16`. Bits after the prefix are cut off. */
export function parseCidr(text: string): IpBlock | undefined {
  const slash = text.indexOf('/');
  const address = slash === -1 ? undefined : parseIp(text.slice(0, slash));
  const prefixText = text.slice(slash + 1);
  if (!address || !prefixShape.test(prefixText)) return undefined;
  const bits = address.family === 4 ? 32 : 128;
  const prefixLength = Number(prefixText);
  if (prefixLength > bits) return undefined;
  const size = 1n << BigInt(bits - prefixLength);
  return { family: address.family, base: address.value - (address.value % size), prefixLength, size };
}

export function isInBlock(block: IpBlock, { family, value }: IpAddress): boolean {
  return family === block.family && value >= block.base && value < block.base + block.size;
}

/** The canonical text (RFC 5952 for IPv6). */
export function formatIp({ family, value }: IpAddress): string {
  return family === 4 ? formatIpv4(Number(value)) : formatIpv6(value);
}

function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn));
  const { start, length } = longestZeros(groups);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  return length < 2 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [i, group] of groups.entries()) {
    if (group !== 0) start = i + 1;
    else if (i + 1 - start > best.length) best = { start, length: i + 1 - start };
  }
  return best;
}

export function ipProblems(text: string): readonly string[] {
  return parseIp(text) ? [] : ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
}

export function cidrProblems(text: string): readonly string[] {
  if (parseCidr(text)) return [];
  const isOnlyPadded = parseCidr(text.replace(/(^|[./])0+(?=\d)/g, '$1')) !== undefined;
  if (isOnlyPadded) return ['must not have leading 0s in IP or prefix length'];
  return ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'];
}

/** What has two meanings: a mapped address, and an address with a length instead of a block. Nothing of what is no CIDR at all. */
export function ambiguousCidrProblems(text: string): readonly string[] {
  const block = parseCidr(text);
  const address = parseIp(text.split('/')[0] ?? '');
  if (!block || !address) return [];
  if (address.family === 6 && address.value >> 32n === 0xffffn) return ['must not have an IPv4-mapped IPv6 address'];
  return address.value === block.base ? [] : ['must not have bits set beyond the prefix length'];
}
