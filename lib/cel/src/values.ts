/**
 * Values while an expression runs. JSON objects and lists are used as they are, never copied. The language tells apart what
 * JSON does not, so numbers are of three forms:
 *
 *   int        bigint
 *   double     number
 *   uint       CelUint
 *
 * Numbers inside JSON become one of them when they are read, by the schema's type; where nothing is known (dyn), whole numbers are int.
 * Maps made by an expression are JS Maps, those of the object are plain objects. Strings count in code points.
 */
import { compareVersions, type SemanticVersion } from './semantic-version.ts';
import { formatIp, type IpAddress, type IpBlock } from '@slipway/api/ip-address';
import { compareQuantities, formatQuantity, type Quantity } from '@slipway/api/quantity';

/** Evaluation failed; the message is upstream's (`no such key: x`). */
export class CelError extends Error {
  override readonly name: string = 'CelError';
}

export class CelUint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

export class CelTimestamp {
  /** Since 1970 in UTC. */
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class CelDuration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class CelOptional {
  readonly value: unknown;
  /** Undefined stands for none, as no value of the language is undefined. */
  constructor(value: unknown) {
    this.value = value;
  }
}

export const noneOptional = new CelOptional(undefined);

export class CelTypeValue {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A value of one of the libraries. */
export abstract class CelOpaque {
  abstract readonly typeName: string;
  abstract equals(other: CelOpaque): boolean;
}

export class CelIp extends CelOpaque {
  override readonly typeName = 'net.IP';
  readonly ip: IpAddress;
  constructor(ip: IpAddress) {
    super();
    this.ip = ip;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelIp && other.ip.family === this.ip.family && other.ip.value === this.ip.value;
  }
}

export class CelCidr extends CelOpaque {
  override readonly typeName = 'net.CIDR';
  readonly block: IpBlock;
  /** The address as it was written, bits behind the prefix included. */
  readonly address: IpAddress;
  constructor(block: IpBlock, address: IpAddress) {
    super();
    this.block = block;
    this.address = address;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelCidr && this.text() === other.text();
  }
  text(): string {
    return `${formatIp(this.address)}/${this.block.prefixLength}`;
  }
}

export class CelQuantity extends CelOpaque {
  override readonly typeName = 'kubernetes.Quantity';
  readonly quantity: Quantity;
  constructor(quantity: Quantity) {
    super();
    this.quantity = quantity;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelQuantity && compareQuantities(this.quantity, other.quantity) === 0;
  }
  text(): string {
    return formatQuantity(this.quantity);
  }
}

/** A version by semver.org; what is behind a `+` says nothing about order. */
export class CelSemver extends CelOpaque {
  override readonly typeName = 'kubernetes.Semver';
  readonly version: SemanticVersion;
  constructor(version: SemanticVersion) {
    super();
    this.version = version;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelSemver && compareVersions(this.version, other.version) === 0;
  }
}

export class CelUrl extends CelOpaque {
  override readonly typeName = 'kubernetes.URL';
  readonly url: URL;
  /** As it was written; `new URL` adds slashes and drops default ports. */
  readonly source: string;
  constructor(url: URL, source: string) {
    super();
    this.url = url;
    this.source = source;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelUrl && other.source === this.source;
  }
}

export type CelMap = Map<unknown, unknown>;

/** How a number of JSON is seen where no schema says what it is. */
export function fromJson(value: unknown): unknown {
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;
}

/** What stands in a Map for a key: equal numbers are the same key. */
export function mapKey(key: unknown): unknown {
  if (key instanceof CelUint) return key.value;
  if (typeof key === 'number' && Number.isInteger(key)) return BigInt(key);
  return key;
}

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)
  );
}

export function hasOwn(object: object, key: string): boolean {
  return Object.hasOwn(object, key);
}

/** The name of the value's type, as `type(x)` has it. */
export function typeNameOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
  }
  if (value === null) return 'null_type';
  if (value instanceof CelUint) return 'uint';
  if (Array.isArray(value)) return 'list';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof CelTimestamp) return 'google.protobuf.Timestamp';
  if (value instanceof CelDuration) return 'google.protobuf.Duration';
  if (value instanceof CelOptional) return 'optional_type';
  if (value instanceof CelTypeValue) return 'type';
  if (value instanceof CelOpaque) return value.typeName;
  return 'map';
}

/** Equality of the language: numbers by their value whatever their type, everything else by type and content. */
export function equals(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  const [one, other] = [numeric(a), numeric(b)];
  if (one !== undefined || other !== undefined) {
    // biome-ignore lint/suspicious/noDoubleEquals: compares bigint and number by value
    return one !== undefined && other !== undefined && one == other;
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => equals(item, b[i]));
  if (Array.isArray(b)) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && sameBytes(a, b);
  if (a instanceof CelTimestamp) return b instanceof CelTimestamp && a.nanos === b.nanos;
  if (a instanceof CelDuration) return b instanceof CelDuration && a.nanos === b.nanos;
  if (a instanceof CelTypeValue) return b instanceof CelTypeValue && a.name === b.name;
  if (a instanceof CelOptional) return b instanceof CelOptional && sameOptional(a, b);
  if (a instanceof CelOpaque) return b instanceof CelOpaque && a.equals(b);
  return sameEntries(a, b);
}

function numeric(value: unknown): bigint | number | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof CelUint ? value.value : undefined;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function sameOptional(a: CelOptional, b: CelOptional): boolean {
  if (a.value === undefined || b.value === undefined) return a.value === b.value;
  return equals(a.value, b.value);
}

function sameEntries(a: object, b: object): boolean {
  if (mapSize(a) !== mapSize(b)) return false;
  for (const key of mapKeys(a)) {
    const other = mapGet(b, key);
    if (other === undefined || !equals(mapGet(a, key), other)) return false;
  }
  return true;
}

export function mapSize(map: object): number {
  return map instanceof Map ? map.size : Object.keys(map).length;
}

export function mapKeys(map: object): unknown[] {
  return map instanceof Map ? [...map.keys()] : Object.keys(map);
}

/** Undefined when there is no such key. */
export function mapGet(map: object, key: unknown): unknown {
  if (map instanceof Map) return map.get(mapKey(key));
  return typeof key === 'string' && hasOwn(map, key) ? (map as Record<string, unknown>)[key] : undefined;
}

/** How large a value is for the cost of what walks it: characters, bytes, elements; 1 for everything else. */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length;
  if (value instanceof Map) return value.size;
  return isPlainObject(value) ? Object.keys(value).length : 1;
}

const intMax = 2n ** 63n - 1n;
const intMin = -(2n ** 63n);
const uintMax = 2n ** 64n - 1n;

/** Throws `integer overflow`. */
export function checkedInt(value: bigint): bigint {
  if (value > intMax || value < intMin) throw new CelError('integer overflow');
  return value;
}

/** Throws `unsigned integer overflow`. */
export function checkedUint(value: bigint): CelUint {
  if (value > uintMax || value < 0n) throw new CelError('unsigned integer overflow');
  return new CelUint(value);
}
