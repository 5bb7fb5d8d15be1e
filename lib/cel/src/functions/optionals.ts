/** Optional values: `self.?field.orValue(0)`. */
import { CelError, CelOptional, CelDuration, CelTimestamp, CelUint, mapSize, noneOptional } from '../values.ts';
import { overload, type Overload } from './overload.ts';

function isZero(value: unknown): boolean {
  if (value === null || value === false || value === '' || value === 0 || value === 0n) return true;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  if (value instanceof CelUint) return value.value === 0n;
  if (value instanceof CelDuration || value instanceof CelTimestamp) return value.nanos === 0n;
  return typeof value === 'object' && value instanceof Map ? mapSize(value) === 0 : isEmptyObject(value);
}

function isEmptyObject(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.getPrototypeOf(value) === Object.prototype &&
    Object.keys(value).length === 0
  );
}

function heldBy({ value }: CelOptional): unknown {
  if (value === undefined) throw new CelError('optional.none() dereference');
  return value;
}

export const optionalOverloads: readonly Overload[] = [
  overload<[unknown]>('optional.of(A): optional<A>', ([value]) => new CelOptional(value)),
  overload<[unknown]>('optional.ofNonZeroValue(A): optional<A>', ([value]) =>
    isZero(value) ? noneOptional : new CelOptional(value),
  ),
  overload<[]>('optional.none(): optional<A>', () => noneOptional),
  overload<[CelOptional]>('optional<A>.hasValue(): bool', ([optional]) => optional.value !== undefined),
  overload<[CelOptional]>('optional<A>.value(): A', ([optional]) => heldBy(optional)),
  overload<[CelOptional, CelOptional]>('optional<A>.or(optional<A>): optional<A>', ([a, b]) =>
    a.value === undefined ? b : a,
  ),
  overload<[CelOptional, unknown]>('optional<A>.orValue(A): A', ([a, b]) => (a.value === undefined ? b : a.value), {
    resultSize: ([a = 0, b = 0]) => Math.max(a, b),
  }),
];
