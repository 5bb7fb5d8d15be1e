/**
 * How much of a quota an object uses: one evaluator per resource, as data. Pods, services and claims are measured; everything else is counted.
 * The admission plugin and the quota controller ask the same evaluators, so that what one adds the other counts.
 */
import type { KubeObject, PersistentVolumeClaim, Pod, ResourceQuota, Service } from '../types.ts';
import { claimUsage, coversClaims } from './claim-usage.ts';
import { coversPods, missingFromPod, podMatchesScope, podUsage } from './pod-usage.ts';
import { coversServices, serviceUsage } from './service-usage.ts';
import { one, type Usage } from './usage.ts';

export interface QuotaEvaluator {
  /** Whether updates can use more, too. */
  readonly growsByUpdate: boolean;
  /** Whether a name in a quota is about this resource. */
  covers(name: string): boolean;
  usage(object: KubeObject, nowMs: number): Usage;
  matchesScope(scope: QuotaScope, object: KubeObject): boolean;
  /** What the object must say because the quota limits these names; undefined when it says it. */
  missing?(object: KubeObject, names: readonly string[]): string | undefined;
}

export interface QuotaScope {
  readonly scopeName: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** What the API counted before it could count everything: `secrets` is `count/secrets`. */
const plainNames = new Set(['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets']);

const measured: Readonly<Record<string, QuotaEvaluator>> = {
  pods: {
    growsByUpdate: false,
    covers: coversPods,
    usage: (object, nowMs) => podUsage(object as Pod, nowMs),
    matchesScope: (scope, object) => podMatchesScope(scope, object as Pod),
    missing: (object, names) => missingFromPod(object as Pod, names),
  },
  services: {
    growsByUpdate: true,
    covers: coversServices,
    usage: (object) => serviceUsage(object as Service),
    matchesScope: () => false,
  },
  persistentvolumeclaims: {
    growsByUpdate: true,
    covers: coversClaims,
    usage: (object) => claimUsage(object as PersistentVolumeClaim),
    matchesScope: () => false,
  },
};

const counters = new Map<string, QuotaEvaluator>();

export function evaluatorOf({
  group,
  resource,
}: {
  readonly group: string;
  readonly resource: string;
}): QuotaEvaluator {
  const special = group === '' ? measured[resource] : undefined;
  if (special) return special;
  const name = group === '' ? resource : `${resource}.${group}`;
  let counter = counters.get(name);
  if (!counter) {
    counter = counterOf(name, group === '' && plainNames.has(resource));
    counters.set(name, counter);
  }
  return counter;
}

function counterOf(name: string, hasPlainName: boolean): QuotaEvaluator {
  const counted = `count/${name}`;
  const usage: Usage = new Map([[counted, one] as const, ...(hasPlainName ? [[name, one] as const] : [])]);
  return { growsByUpdate: false, covers: (each) => usage.has(each), usage: () => usage, matchesScope: () => false };
}

/** Of the spec and the older list of names alike. */
export function scopesOf({ spec }: ResourceQuota): QuotaScope[] {
  return [
    ...(spec.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...((spec.scopeSelector?.matchExpressions ?? []) as readonly QuotaScope[]),
  ];
}

export function isInScopes(quota: ResourceQuota, evaluator: QuotaEvaluator, object: KubeObject): boolean {
  return scopesOf(quota).every((scope) => evaluator.matchesScope(scope, object));
}
