/** Lists and maps, and sets as lists. */
import type { CostMeter } from '../cost-meter.ts';
import { CelDuration, CelError, CelUint, equals, fromJson, mapGet, mapKeys, mapSize } from '../values.ts';
import { compareValues } from './numbers.ts';
import { overload, type Cost, type Overload } from './overload.ts';

type List = readonly unknown[];

const perElement: Cost = { of: ([size = 0]) => size };
const perPair: Cost = { of: ([a = 0, b = 0]) => Math.max(a, 1) * Math.max(b, 1) };
/** Counting the entries of a plain object is paid for by whoever measures the argument. */
const counting: Cost = { isOnlyMeasured: true, of: () => 1 };

/** What comparing two elements takes, and two entries of maps, which are looked up. */
const comparedCost = 0.5;
const comparedEntryCost = 2;

/** Equality that costs what it looks at. */
export function equalsMetered(a: unknown, b: unknown, meter: CostMeter): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) {
    if (typeof a === 'string' && typeof b === 'string') {
      meter.charge(Math.min(a.length, b.length) * 0.1);
      return false;
    }
    return equals(a, b);
  }
  meter.charge(1);
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return false;
    meter.charge(a.length * comparedCost);
    return a.every((item, i) => equalsMetered(item, b[i], meter));
  }
  return isMap(a) && isMap(b) ? equalMaps(a, b, meter) : equals(a, b);
}

function isMap(value: object): boolean {
  return value instanceof Map || Object.getPrototypeOf(value) === Object.prototype;
}

function equalMaps(a: object, b: object, meter: CostMeter): boolean {
  const keys = mapKeys(a);
  meter.charge(keys.length * comparedEntryCost);
  if (keys.length !== mapSize(b)) return false;
  return keys.every((key) => {
    const other = mapGet(b, key);
    return other !== undefined && equalsMetered(mapGet(a, key), other, meter);
  });
}

export function listContains(list: List, value: unknown, meter: CostMeter): boolean {
  meter.charge(list.length * 0.1);
  return list.some((item) => (item === value ? true : equalsMetered(item, value, meter)));
}

function order(a: unknown, b: unknown): number {
  const compared = compareValues(fromJson(a), fromJson(b));
  if (compared === undefined) throw new CelError('no such overload');
  return compared;
}

function isSorted(list: List): boolean {
  return list.every((item, i) => i === 0 || order(list[i - 1], item) <= 0);
}

function extreme(list: List, sign: 1 | -1, name: string): unknown {
  if (list.length === 0) throw new CelError(`${name} called on empty list`);
  return fromJson(list.reduce((best, item) => (order(item, best) * sign > 0 ? item : best)));
}

const ordered = ['int', 'uint', 'double', 'bool', 'string', 'bytes', 'timestamp', 'duration'];

function sum(zero: unknown, add: (a: never, b: never) => unknown): (args: [List]) => unknown {
  return ([list]) => list.reduce((total, item) => add(total as never, item as never), zero);
}

function flatten(list: List, depth: bigint, meter: CostMeter): unknown[] {
  return list.flatMap((item) => {
    meter.charge(1);
    return Array.isArray(item) && depth > 0n ? flatten(item, depth - 1n, meter) : [item];
  });
}

const listFunctions: readonly Overload[] = [
  overload<[List]>('size(list<A>): int', ([list]) => BigInt(list.length)),
  overload<[List]>('list<A>.size(): int', ([list]) => BigInt(list.length)),
  overload<[object]>('size(map<A, B>): int', ([map]) => BigInt(mapSize(map)), counting),
  overload<[object]>('map<A, B>.size(): int', ([map]) => BigInt(mapSize(map)), counting),
  overload<[unknown, List]>('_in_(A, list<A>): bool', ([value, list], meter) => listContains(list, value, meter), {
    of: ([, size = 0]) => size,
  }),
  overload<[unknown, object]>('_in_(A, map<A, B>): bool', ([key, map]) => mapGet(map, key) !== undefined),
  overload<[List]>('list<A>.isSorted(): bool', ([list]) => isSorted(list), perElement),
  overload<[List]>('list<A>.min(): A', ([list]) => extreme(list, -1, 'min'), perElement),
  overload<[List]>('list<A>.max(): A', ([list]) => extreme(list, 1, 'max'), perElement),
  overload<[List]>(
    'list<int>.sum(): int',
    sum(0n, (a: bigint, b: bigint) => addInts(a, b)),
    perElement,
  ),
  overload<[List]>(
    'list<double>.sum(): double',
    sum(0, (a: number, b: number) => a + b),
    perElement,
  ),
  overload<[List]>(
    'list<uint>.sum(): uint',
    sum(new CelUint(0n), (a: CelUint, b: CelUint) => new CelUint(a.value + b.value)),
    perElement,
  ),
  overload<[List]>(
    'list<duration>.sum(): duration',
    sum(new CelDuration(0n), (a: CelDuration, b: CelDuration) => new CelDuration(a.nanos + b.nanos)),
    perElement,
  ),
  overload<[List, unknown]>(
    'list<A>.indexOf(A): int',
    ([list, value], meter) => BigInt(list.findIndex((item) => equalsMetered(item, value, meter))),
    perElement,
  ),
  overload<[List, unknown]>(
    'list<A>.lastIndexOf(A): int',
    ([list, value], meter) => BigInt(list.findLastIndex((item) => equalsMetered(item, value, meter))),
    perElement,
  ),
  overload<[List, List]>('_+_(list<A>, list<A>): list<A>', ([a, b]) => [...a, ...b], {
    of: ([a = 0, b = 0]) => 1 + (a + b) * 0.1,
    resultSize: ([a = 0, b = 0]) => a + b,
  }),
  overload<[List, bigint, bigint]>('list<A>.slice(int, int): list<A>', ([list, from, to]) => sliceOf(list, from, to), {
    of: ([size = 0]) => size * 0.1,
    resultSize: ([size = 0]) => size,
  }),
  overload<[List]>('list<A>.reverse(): list<A>', ([list]) => [...list].reverse(), {
    of: ([size = 0]) => size,
    resultSize: ([size = 0]) => size,
  }),
  overload<[List]>('list<A>.sort(): list<A>', ([list]) => [...list].sort(order), {
    of: ([size = 0]) => size * Math.max(1, Math.log2(Math.max(size, 1))),
    resultSize: ([size = 0]) => size,
  }),
  overload<[List]>('list<A>.distinct(): list<A>', ([list], meter) => distinct(list, meter), {
    of: ([size = 0]) => size * size,
    resultSize: ([size = 0]) => size,
  }),
  overload<[List]>('list<dyn>.flatten(): list<dyn>', ([list], meter) => flatten(list, 1n, meter), perElement),
  overload<[List, bigint]>(
    'list<dyn>.flatten(int): list<dyn>',
    ([list, depth], meter) => flatten(list, depth, meter),
    perElement,
  ),
];

function addInts(a: bigint, b: bigint): bigint {
  const total = a + b;
  if (total >= 2n ** 63n || total < -(2n ** 63n)) throw new CelError('integer overflow');
  return total;
}

function sliceOf(list: List, from: bigint, to: bigint): List {
  if (from < 0n || to < from || to > BigInt(list.length)) {
    throw new CelError(`cannot slice(${from}, ${to}), list is length ${list.length}`);
  }
  return list.slice(Number(from), Number(to));
}

function distinct(list: List, meter: CostMeter): unknown[] {
  const found: unknown[] = [];
  for (const item of list) if (!listContains(found, item, meter)) found.push(item);
  return found;
}

const setFunctions: readonly Overload[] = [
  overload<[List, List]>(
    'sets.contains(list<A>, list<A>): bool',
    ([list, part], meter) => part.every((item) => listContains(list, item, meter)),
    perPair,
  ),
  overload<[List, List]>(
    'sets.intersects(list<A>, list<A>): bool',
    ([list, other], meter) => list.some((item) => listContains(other, item, meter)),
    perPair,
  ),
  overload<[List, List]>(
    'sets.equivalent(list<A>, list<A>): bool',
    ([a, b], meter) =>
      a.every((item) => listContains(b, item, meter)) && b.every((item) => listContains(a, item, meter)),
    perPair,
  ),
];

/** `isSorted` and its like are declared for any element, but only some have an order; others are refused before they run. */
export const orderedFunctions: ReadonlySet<string> = new Set(['isSorted', 'min', 'max', 'sort']);
export const orderedKinds: ReadonlySet<string> = new Set([...ordered, 'dyn', 'parameter']);

export const listOverloads: readonly Overload[] = [...listFunctions, ...setFunctions];
