/**
 * What a pod as a whole requests and is limited to, by resource name.
 *
 * Containers run together, and so do sidecars (init containers that go on running). The other init containers run one after the other before
 * them, each beside the sidecars that began before it: the greatest moment counts. What the pod says as a whole goes before what its
 * containers say; its overhead comes on top.
 */
import { addQuantities, compareQuantities, type Quantity, tryParseQuantity } from './quantity.ts';
import type { PodSpec } from './types.ts';

export type Amounts = ReadonlyMap<string, Quantity>;

type Side = 'requests' | 'limits';

export function podRequests(spec: PodSpec): Amounts {
  return podAmounts(spec, 'requests', true);
}

/** Without the overhead: what LimitRanges measure. */
export function podRequestsWithoutOverhead(spec: PodSpec): Amounts {
  return podAmounts(spec, 'requests', false);
}

/** A resource that one container leaves unlimited is limited as far as the others say. */
export function podLimits(spec: PodSpec): Amounts {
  return podAmounts(spec, 'limits', true);
}

export function podLimitsWithoutOverhead(spec: PodSpec): Amounts {
  return podAmounts(spec, 'limits', false);
}

function podAmounts(spec: PodSpec, side: Side, withOverhead: boolean): Amounts {
  const sums = containerAmounts(spec, side);
  for (const [name, amount] of amountsOf(spec.resources?.[side])) sums.set(name, amount);
  if (!withOverhead || !spec.overhead) return sums;
  for (const [name, amount] of amountsOf(spec.overhead)) {
    // An overhead makes a limit larger and does not make one.
    if (side === 'requests' || sums.has(name)) add(sums, name, amount);
  }
  return sums;
}

function containerAmounts(spec: PodSpec, side: Side): Map<string, Quantity> {
  const sums = new Map<string, Quantity>();
  for (const { resources } of spec.containers ?? []) addAll(sums, amountsOf(resources?.[side]));
  const sidecars = new Map<string, Quantity>();
  const greatest = new Map<string, Quantity>();
  for (const { resources, restartPolicy } of spec.initContainers ?? []) {
    const own = amountsOf(resources?.[side]);
    if (restartPolicy === 'Always') {
      addAll(sums, own);
      addAll(sidecars, own);
      raiseTo(greatest, sidecars);
    } else {
      const moment = new Map(own);
      for (const [name, amount] of sidecars) add(moment, name, amount);
      raiseTo(greatest, moment);
    }
  }
  raiseTo(sums, greatest);
  return sums;
}

/** What is no quantity counts as nothing: validation refuses it elsewhere. */
export function amountsOf(list: Readonly<Record<string, string>> | undefined): Map<string, Quantity> {
  const amounts = new Map<string, Quantity>();
  for (const name in list) {
    const amount = tryParseQuantity(list[name] ?? '');
    if (amount) amounts.set(name, amount);
  }
  return amounts;
}

function addAll(sums: Map<string, Quantity>, amounts: Amounts): void {
  for (const [name, amount] of amounts) add(sums, name, amount);
}

function add(sums: Map<string, Quantity>, name: string, amount: Quantity): void {
  const sum = sums.get(name);
  sums.set(name, sum === undefined ? amount : addQuantities(sum, amount));
}

function raiseTo(sums: Map<string, Quantity>, amounts: Amounts): void {
  for (const [name, amount] of amounts) {
    const sum = sums.get(name);
    if (sum === undefined || compareQuantities(sum, amount) < 0) sums.set(name, amount);
  }
}
