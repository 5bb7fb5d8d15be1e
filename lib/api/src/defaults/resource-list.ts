import { formatQuantity, roundToMilli, tryParseQuantity } from '../quantity.ts';
import type { ResourceRequirements } from '../types.ts';

/** Brings amounts into the canonical form, no finer than a thousandth. What is no quantity stays for validation to refuse. */
export function canonicalResources(resources: ResourceRequirements): void {
  if (resources.limits) canonicalList(resources.limits);
  if (resources.requests) canonicalList(resources.requests);
}

export function canonicalList(list: Record<string, string>): void {
  for (const name of Object.keys(list)) {
    const given = list[name] ?? '';
    const canonical = canonicalAmount(given);
    if (canonical !== given) list[name] = canonical;
  }
}

/** The same few amounts come with every pod. */
const memoLimit = 2048;
const memo = new Map<string, string>();

function canonicalAmount(given: string): string {
  const known = memo.get(given);
  if (known !== undefined) return known;
  const parsed = tryParseQuantity(given);
  const canonical = parsed ? formatQuantity(roundToMilli(parsed)) : given;
  if (memo.size >= memoLimit) memo.clear();
  memo.set(given, canonical);
  return canonical;
}

export function isZeroQuantity(amount: string): boolean {
  return tryParseQuantity(amount)?.nanos === 0n;
}
