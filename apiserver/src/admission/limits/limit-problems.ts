/** What a pod or claim asks for beyond a LimitRange, in upstream's words. Pure. */
import {
  type Amounts,
  amountsOf,
  podLimitsWithoutOverhead,
  podRequestsWithoutOverhead,
} from '@slipway/api/pod-resources';
import { compareQuantities, formatQuantity, type Quantity } from '@slipway/api/quantity';
import type { LimitRangeItem, PersistentVolumeClaim, Pod } from '@slipway/api/types';

export function limitProblems(
  resource: string,
  object: Pod | PersistentVolumeClaim,
  limits: readonly LimitRangeItem[],
): string[] {
  if (resource === 'pods') return limits.flatMap((item) => podProblems(object as Pod, item));
  return limits.flatMap((item) => claimProblems(object as PersistentVolumeClaim, item));
}

interface Asked {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

function podProblems({ spec }: Pod, item: LimitRangeItem): string[] {
  if (item.type === 'Pod') {
    return problemsOf(item, { requests: podRequestsWithoutOverhead(spec), limits: podLimitsWithoutOverhead(spec) });
  }
  if (item.type !== 'Container') return [];
  return [...(spec.containers ?? []), ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
    problemsOf(item, { requests: amountsOf(resources?.requests), limits: amountsOf(resources?.limits) }),
  );
}

function problemsOf(item: LimitRangeItem, asked: Asked): string[] {
  const each = (bounds: Readonly<Record<string, string>> | undefined, check: Check) =>
    [...amountsOf(bounds)].map(([name, bound]) => check(item.type, name, bound, asked));
  return [
    ...each(item.min, belowMinimum),
    ...each(item.max, aboveMaximum),
    ...each(item.maxLimitRequestRatio, aboveRatio),
  ].filter((problem) => problem !== undefined);
}

type Check = (type: string, name: string, bound: Quantity, asked: Asked) => string | undefined;

const belowMinimum: Check = (type, name, bound, { requests, limits }) => {
  const head = `minimum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  const request = requests.get(name);
  const limit = limits.get(name);
  if (!request) return `${head}.  No request is specified`;
  if (compareQuantities(request, bound) < 0) return `${head}, but request is ${formatQuantity(request)}`;
  if (limit && compareQuantities(limit, bound) < 0) return `${head}, but limit is ${formatQuantity(limit)}`;
  return undefined;
};

const aboveMaximum: Check = (type, name, bound, { requests, limits }) => {
  const head = `maximum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  const request = requests.get(name);
  const limit = limits.get(name);
  if (!limit) return `${head}.  No limit is specified`;
  if (compareQuantities(limit, bound) > 0) return `${head}, but limit is ${formatQuantity(limit)}`;
  if (request && compareQuantities(request, bound) > 0) return `${head}, but request is ${formatQuantity(request)}`;
  return undefined;
};

const aboveRatio: Check = (type, name, bound, { requests, limits }) => {
  const head = `${name} max limit to request ratio per ${type} is ${formatQuantity(bound)}`;
  const request = requests.get(name);
  const limit = limits.get(name);
  if (!request || request.nanos === 0n) return `${head}, but no request is specified or request is 0`;
  if (!limit || limit.nanos === 0n) return `${head}, but no limit is specified or limit is 0`;
  if (limit.nanos * nanosPerUnit <= bound.nanos * request.nanos) return undefined;
  return `${head}, but provided ratio is ${(Number(limit.nanos) / Number(request.nanos)).toFixed(6)}`;
};

const nanosPerUnit = 1_000_000_000n;

/** A claim has requests only. */
function claimProblems({ spec }: PersistentVolumeClaim, item: LimitRangeItem): string[] {
  if (item.type !== 'PersistentVolumeClaim') return [];
  const requests = amountsOf(spec.resources?.requests);
  const below = [...amountsOf(item.min)].map(([name, bound]) =>
    belowMinimum(item.type, name, bound, { requests, limits: new Map() }),
  );
  const above = [...amountsOf(item.max)].map(([name, bound]) => {
    const head = `maximum ${name} usage per ${item.type} is ${formatQuantity(bound)}`;
    const request = requests.get(name);
    if (!request) return `${head}.  No request is specified`;
    return compareQuantities(request, bound) > 0 ? `${head}, but request is ${formatQuantity(request)}` : undefined;
  });
  return [...below, ...above].filter((problem) => problem !== undefined);
}
