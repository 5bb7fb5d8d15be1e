/** Arithmetic, comparisons and conversions between types. */
import {
  checkedDuration,
  checkedTimestamp,
  durationFrom,
  durationText,
  timestampFrom,
  timestampText,
} from '../times.ts';
import {
  CelDuration,
  CelError,
  CelOpaque,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  checkedInt,
  checkedUint,
  typeNameOf,
} from '../values.ts';
import { overload, perCharacter, type Cost, type Overload } from './overload.ts';

type Ints = [bigint, bigint];
type Uints = [CelUint, CelUint];
type Doubles = [number, number];

function divisor(value: bigint, what: string): bigint {
  if (value === 0n) throw new CelError(what);
  return value;
}

const arithmetic: readonly Overload[] = [
  overload<Ints>('_+_(int, int): int', ([a, b]) => checkedInt(a + b)),
  overload<Ints>('_-_(int, int): int', ([a, b]) => checkedInt(a - b)),
  overload<Ints>('_*_(int, int): int', ([a, b]) => checkedInt(a * b)),
  overload<Ints>('_/_(int, int): int', ([a, b]) => checkedInt(a / divisor(b, 'division by zero'))),
  overload<Ints>('_%_(int, int): int', ([a, b]) => a % divisor(b, 'modulus by zero')),
  overload<Uints>('_+_(uint, uint): uint', ([a, b]) => checkedUint(a.value + b.value)),
  overload<Uints>('_-_(uint, uint): uint', ([a, b]) => checkedUint(a.value - b.value)),
  overload<Uints>('_*_(uint, uint): uint', ([a, b]) => checkedUint(a.value * b.value)),
  overload<Uints>('_/_(uint, uint): uint', ([a, b]) => new CelUint(a.value / divisor(b.value, 'division by zero'))),
  overload<Uints>('_%_(uint, uint): uint', ([a, b]) => new CelUint(a.value % divisor(b.value, 'modulus by zero'))),
  overload<Doubles>('_+_(double, double): double', ([a, b]) => a + b),
  overload<Doubles>('_-_(double, double): double', ([a, b]) => a - b),
  overload<Doubles>('_*_(double, double): double', ([a, b]) => a * b),
  overload<Doubles>('_/_(double, double): double', ([a, b]) => a / b),
  overload<[bigint]>('-_(int): int', ([a]) => checkedInt(-a)),
  overload<[number]>('-_(double): double', ([a]) => -a),
  overload<[boolean]>('!_(bool): bool', ([a]) => !a),
  overload<[Uint8Array, Uint8Array]>('_+_(bytes, bytes): bytes', ([a, b]) => joinBytes(a, b), {
    of: ([a = 0, b = 0]) => (a + b) * perCharacter,
    resultSize: ([a = 0, b = 0]) => a + b,
  }),
  overload<[CelDuration, CelDuration]>('_+_(duration, duration): duration', ([a, b]) =>
    checkedDuration(a.nanos + b.nanos),
  ),
  overload<[CelDuration, CelDuration]>('_-_(duration, duration): duration', ([a, b]) =>
    checkedDuration(a.nanos - b.nanos),
  ),
  overload<[CelTimestamp, CelDuration]>('_+_(timestamp, duration): timestamp', ([a, b]) =>
    checkedTimestamp(a.nanos + b.nanos),
  ),
  overload<[CelDuration, CelTimestamp]>('_+_(duration, timestamp): timestamp', ([a, b]) =>
    checkedTimestamp(a.nanos + b.nanos),
  ),
  overload<[CelTimestamp, CelDuration]>('_-_(timestamp, duration): timestamp', ([a, b]) =>
    checkedTimestamp(a.nanos - b.nanos),
  ),
  overload<[CelTimestamp, CelTimestamp]>('_-_(timestamp, timestamp): duration', ([a, b]) =>
    checkedDuration(a.nanos - b.nanos),
  ),
];

function joinBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

/** Negative, zero, positive; undefined for what has no order, NaN among it. */
export function compareValues(a: unknown, b: unknown): number | undefined {
  const [one, other] = [ordered(a), ordered(b)];
  if (one === undefined || other === undefined) return undefined;
  if (typeof one === 'string' || typeof other === 'string') {
    return typeof one === 'string' && typeof other === 'string' ? compareTexts(one, other) : undefined;
  }
  return one < other ? -1 : one > other ? 1 : one >= other ? 0 : undefined;
}

function ordered(value: unknown): bigint | number | string | undefined {
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof CelUint) return value.value;
  if (value instanceof CelTimestamp || value instanceof CelDuration) return value.nanos;
  return undefined;
}

/** By code points, as UTF-8 sorts. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? (a.codePointAt(i) ?? 0) - (b.codePointAt(i) ?? 0) : x - y;
  }
  return a.length - b.length;
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return (a[i] ?? 0) - (b[i] ?? 0);
  return a.length - b.length;
}

const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  '_<_': (order) => order < 0,
  '_<=_': (order) => order <= 0,
  '_>_': (order) => order > 0,
  '_>=_': (order) => order >= 0,
};

const numberTypes = ['int', 'uint', 'double'];
const comparable = [
  ...numberTypes.flatMap((a) => numberTypes.map((b) => [a, b] as const)),
  ...['bool', 'string', 'timestamp', 'duration'].map((type) => [type, type] as const),
];

const comparisonOverloads: readonly Overload[] = Object.entries(comparisons).flatMap(([name, holds]) => [
  ...comparable.map(([a, b]) =>
    overload<[unknown, unknown]>(
      `${name}(${a}, ${b}): bool`,
      ([x, y]) => {
        const order = compareValues(x, y);
        return order !== undefined && holds(order);
      },
      a === 'string' ? { of: ([x = 0, y = 0]) => Math.min(x, y) * perCharacter } : {},
    ),
  ),
  overload<[Uint8Array, Uint8Array]>(`${name}(bytes, bytes): bool`, ([x, y]) => holds(compareBytes(x, y)), {
    of: ([x = 0, y = 0]) => Math.min(x, y) * perCharacter,
  }),
]);

function doubleToInt(value: number): bigint {
  if (Number.isNaN(value) || value >= 2 ** 63 || value <= -(2 ** 63)) throw new CelError('integer overflow');
  return BigInt(Math.trunc(value));
}

function doubleToUint(value: number): CelUint {
  if (Number.isNaN(value) || value < 0 || value >= 2 ** 64) throw new CelError('unsigned integer overflow');
  return new CelUint(BigInt(Math.trunc(value)));
}

function parseWhole(text: string, what: string): bigint {
  if (!/^[+-]?\d{1,24}$/.test(text)) throw new CelError(`type conversion error from 'string' to '${what}'`);
  return BigInt(text.startsWith('+') ? text.slice(1) : text);
}

function parseDouble(text: string): number {
  if (/^[+-]?(inf|infinity)$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text);
  if (!isNumber && text.toLowerCase() !== 'nan') throw new CelError("type conversion error from 'string' to 'double'");
  return Number(text);
}

const truths = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const lies = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

function parseBool(text: string): boolean {
  if (truths.has(text)) return true;
  if (lies.has(text)) return false;
  throw new CelError("type conversion error from 'string' to 'bool'");
}

/** As Go writes a double: whole ones without a point, large and small ones with an exponent of two digits. */
export function doubleText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e21)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return String(value);
}

const walked: Cost = { of: ([size = 0]) => size * perCharacter, resultSize: ([size = 0]) => size };
const parsed: Cost = { ...walked, work: 15 };
const short: Cost = { resultSize: () => 32 };
const decoder = new TextDecoder('utf-8', { fatal: true });

function utf8Text(value: Uint8Array): string {
  try {
    return decoder.decode(value);
  } catch {
    throw new CelError('invalid UTF-8 in bytes, cannot convert to string');
  }
}

const conversions: readonly Overload[] = [
  overload<[bigint]>('int(int): int', ([a]) => a),
  overload<[CelUint]>('int(uint): int', ([a]) => checkedInt(a.value)),
  overload<[number]>('int(double): int', ([a]) => doubleToInt(a)),
  overload<[string]>('int(string): int', ([a]) => checkedInt(parseWhole(a, 'int')), walked),
  overload<[CelTimestamp]>('int(timestamp): int', ([a]) => a.nanos / 1_000_000_000n),
  overload<[CelDuration]>('int(duration): int', ([a]) => a.nanos),
  overload<[CelUint]>('uint(uint): uint', ([a]) => a),
  overload<[bigint]>('uint(int): uint', ([a]) => checkedUint(a)),
  overload<[number]>('uint(double): uint', ([a]) => doubleToUint(a)),
  overload<[string]>('uint(string): uint', ([a]) => checkedUint(parseWhole(a, 'uint')), walked),
  overload<[number]>('double(double): double', ([a]) => a),
  overload<[bigint]>('double(int): double', ([a]) => Number(a)),
  overload<[CelUint]>('double(uint): double', ([a]) => Number(a.value)),
  overload<[string]>('double(string): double', ([a]) => parseDouble(a), walked),
  overload<[boolean]>('bool(bool): bool', ([a]) => a),
  overload<[string]>('bool(string): bool', ([a]) => parseBool(a), walked),
  overload<[string]>('string(string): string', ([a]) => a, { resultSize: ([size = 0]) => size }),
  overload<[boolean]>('string(bool): string', ([a]) => String(a), short),
  overload<[bigint]>('string(int): string', ([a]) => String(a), short),
  overload<[CelUint]>('string(uint): string', ([a]) => String(a.value), short),
  overload<[number]>('string(double): string', ([a]) => doubleText(a), short),
  overload<[Uint8Array]>('string(bytes): string', ([a]) => utf8Text(a), walked),
  overload<[CelTimestamp]>('string(timestamp): string', ([a]) => timestampText(a), short),
  overload<[CelDuration]>('string(duration): string', ([a]) => durationText(a), short),
  overload<[Uint8Array]>('bytes(bytes): bytes', ([a]) => a, { resultSize: ([size = 0]) => size }),
  overload<[string]>('bytes(string): bytes', ([a]) => new TextEncoder().encode(a), {
    of: ([size = 0]) => size * perCharacter,
    resultSize: ([size = 0]) => size * 3,
  }),
  overload<[Uint8Array]>('size(bytes): int', ([a]) => BigInt(a.length)),
  overload<[Uint8Array]>('bytes.size(): int', ([a]) => BigInt(a.length)),
  overload<[CelTimestamp]>('timestamp(timestamp): timestamp', ([a]) => a),
  overload<[string]>('timestamp(string): timestamp', ([a]) => timestampFrom(a), parsed),
  overload<[bigint]>('timestamp(int): timestamp', ([a]) => checkedTimestamp(a * 1_000_000_000n)),
  overload<[CelDuration]>('duration(duration): duration', ([a]) => a),
  overload<[string]>('duration(string): duration', ([a]) => durationFrom(a), parsed),
  overload<[bigint]>('duration(int): duration', ([a]) => checkedDuration(a)),
  overload<[unknown]>('dyn(A): dyn', ([a]) => a, { resultSize: ([size = 0]) => size }),
  overload<[unknown]>('type(A): type', ([a]) => new CelTypeValue(a instanceof CelOpaque ? a.typeName : typeNameOf(a))),
];

export const numberOverloads: readonly Overload[] = [...arithmetic, ...comparisonOverloads, ...conversions];
