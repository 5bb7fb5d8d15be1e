/**
 * What stands in the status of a quota: what it limits, and how much of it is used.
 *
 * The API server adds to `used` before it stores an object, so that a count may miss what is just being made. Such a charge counts on top until the
 * object was seen, or for as long as a write can take: a count never gives room away that somebody has been promised.
 */
import { formatQuantity, type Quantity, tryParseQuantity } from '@slipway/api/quantity';
import { isInScopes, type QuotaEvaluator } from '@slipway/api/quota/evaluator';
import { addUsage, only, type Usage, zero } from '@slipway/api/quota/usage';
import type { KubeObject, ResourceQuota } from '@slipway/api/types';
import type { Plan } from '../../runtime/step.ts';

export interface ObservedQuota {
  readonly quota: ResourceQuota;
  /** All objects of the namespace that the quota may be about. */
  readonly counted: readonly { readonly evaluator: QuotaEvaluator; readonly objects: readonly KubeObject[] }[];
  /** Charges whose objects have not been seen. */
  readonly promised: Usage;
}

/** Without any change it is counted again then, as upstream does: whatever was missed is found. */
export const recountMs = 300_000;
/** While charges are open. */
const openChargesMs = 2_000;

export function planQuota({ quota, counted, promised }: ObservedQuota, nowMs: number): Plan<ResourceQuota['status']> {
  const hard = quota.spec.hard ?? {};
  const names = new Set(Object.keys(hard));
  const sums = new Map<string, Quantity>();
  for (const { evaluator, objects } of counted) {
    for (const object of objects) {
      if (isInScopes(quota, evaluator, object)) addUsage(sums, only(evaluator.usage(object, nowMs), names));
    }
  }
  const used: Record<string, string> = {};
  for (const name of names) {
    const count = sums.get(name) ?? zero;
    used[name] = formatQuantity(kept(count, promised.get(name), quota.status?.used?.[name]));
  }
  const isOpen = [...promised.keys()].some((name) => names.has(name));
  return { steps: [], status: { hard, used }, again: { afterMs: isOpen ? openChargesMs : recountMs } };
}

function kept(count: Quantity, promised: Quantity | undefined, written: string | undefined): Quantity {
  const before = tryParseQuantity(written ?? '');
  if (!promised || !before || before.nanos <= count.nanos) return count;
  const most = count.nanos + promised.nanos;
  return before.nanos <= most ? before : { nanos: most, format: before.format };
}
