/** Amounts of what a quota counts, by the names that quotas use: `pods`, `requests.cpu`, `count/deployments.apps`. Pure. */
import { addQuantities, formatQuantity, type Quantity, quantityFromValue, subtractQuantities } from '../quantity.ts';

export type Usage = ReadonlyMap<string, Quantity>;

export const one: Quantity = quantityFromValue(1n, 'DecimalSI');
export const zero: Quantity = quantityFromValue(0n, 'DecimalSI');

export function addUsage(sums: Map<string, Quantity>, usage: Usage): void {
  for (const [name, amount] of usage) {
    const sum = sums.get(name);
    sums.set(name, sum === undefined ? amount : addQuantities(sum, amount));
  }
}

/** What the second uses beyond the first; what it uses less of is left out. */
export function growth(before: Usage, after: Usage): Usage {
  const grown = new Map<string, Quantity>();
  for (const [name, amount] of after) {
    const old = before.get(name);
    const more = old === undefined ? amount : subtractQuantities(amount, old);
    if (more.nanos > 0n) grown.set(name, more);
  }
  return grown;
}

export function only(usage: Usage, names: ReadonlySet<string> | readonly string[]): Usage {
  const wanted = Array.isArray(names) ? new Set(names as readonly string[]) : (names as ReadonlySet<string>);
  return new Map([...usage].filter(([name]) => wanted.has(name)));
}

/** As it stands in `status.used`. */
export function usageRecord(usage: Usage): Record<string, string> {
  return Object.fromEntries([...usage].map(([name, amount]) => [name, formatQuantity(amount)]));
}

/** `cpu=1,pods=2`, in the order of the names. */
export function usageText(usage: Usage): string {
  return [...usage]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, amount]) => `${name}=${formatQuantity(amount)}`)
    .join(',');
}
