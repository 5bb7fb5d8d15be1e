/** Lists whose order means nothing: `x-kubernetes-list-type: set` and `map`. */
import type { CostMeter } from './cost-meter.ts';
import { equalsMetered, listContains } from './functions/lists.ts';

export function equalSets(a: unknown, b: unknown, meter: CostMeter): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return equalsMetered(a, b, meter);
  return a.length === b.length && a.every((item) => listContains(b, item, meter));
}

/** The first list, and what of the second it does not have. */
export function unionOfSets(a: unknown, b: unknown, meter: CostMeter): unknown {
  const [first, second] = [a as readonly unknown[], b as readonly unknown[]];
  return [...first, ...second.filter((item) => !listContains(first, item, meter))];
}

/** Items of the second list take the place of those with the same keys in the first one. */
export function addMapLists(a: unknown, b: unknown, keys: readonly string[]): unknown {
  const merged = new Map<string, unknown>();
  for (const item of [...(a as readonly unknown[]), ...(b as readonly unknown[])]) {
    const fields = item as Readonly<Record<string, unknown>>;
    merged.set(JSON.stringify(keys.map((key) => fields[key] ?? null)), item);
  }
  return [...merged.values()];
}
