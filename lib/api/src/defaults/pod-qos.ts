import { compareQuantities, type Quantity, tryParseQuantity } from '../quantity.ts';
import type { PodSpec, ResourceRequirements } from '../types.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const counted = ['cpu', 'memory'] as const;

/**
 * Guaranteed: every container limits CPU and memory and requests as much. BestEffort: none asks for either. Burstable: the rest.
 * What the pod says as a whole goes before what its containers say.
 */
export function podQosClass(spec: PodSpec): QosClass {
  const whole = spec.resources;
  const all =
    whole && (hasAny(whole.requests) || hasAny(whole.limits))
      ? [whole]
      : [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((container) => container.resources ?? {});
  if (all.every(asksNothing)) return 'BestEffort';
  return all.every(isGuaranteed) ? 'Guaranteed' : 'Burstable';
}

function hasAny(list: Readonly<Record<string, string>> | undefined): boolean {
  return counted.some((name) => amountOf(list, name) !== undefined);
}

function asksNothing({ requests, limits }: ResourceRequirements): boolean {
  return !hasAny(requests) && !hasAny(limits);
}

function isGuaranteed({ requests, limits }: ResourceRequirements): boolean {
  return counted.every((name) => {
    const limit = amountOf(limits, name);
    const request = amountOf(requests, name) ?? limit;
    return limit !== undefined && request !== undefined && compareQuantities(limit, request) === 0;
  });
}

/** Zero is the same as nothing. */
function amountOf(list: Readonly<Record<string, string>> | undefined, name: string): Quantity | undefined {
  const text = list?.[name];
  const amount = text === undefined ? undefined : tryParseQuantity(text);
  return amount === undefined || amount.nanos === 0n ? undefined : amount;
}
