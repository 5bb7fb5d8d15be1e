/** Which budgets are about which pods. A selector is compiled once for as long as its object lives. */
import { type LabelMatcher, matcherOf, nothing } from '@slipway/api/selector';
import type { Pod, PodDisruptionBudget } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { keyOf, kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { controllerOf } from '../../runtime/owner.ts';
import { isPodReady } from '../../workloads/pod-readiness.ts';

const compiled = new WeakMap<object, LabelMatcher>();

/** An empty selector matches every pod of the namespace; none at all matches nothing. */
export function budgetMatcher({ spec }: PodDisruptionBudget): LabelMatcher {
  if (!spec.selector) return nothing;
  let matcher = compiled.get(spec.selector);
  if (!matcher) {
    matcher = matcherOf(spec.selector);
    compiled.set(spec.selector, matcher);
  }
  return matcher;
}

export function budgetsOfPod(pod: Pod, caches: Caches): PodDisruptionBudget[] {
  return caches
    .inNamespace(kinds.podDisruptionBudgets, pod.metadata.namespace ?? '')
    .filter((budget) => budgetMatcher(budget).matches(pod.metadata.labels));
}

/** Budgets to look at after a pod changed: most changes of pods are nothing to them. */
export function budgetsAfter({ before, after }: Change<Pod>, caches: Caches): ObjectKey[] {
  if (before && after && countsAlike(before, after)) return [];
  const keys = [before, after].flatMap((pod) => (pod ? budgetsOfPod(pod, caches).map(keyOf) : []));
  return [...new Set(keys)];
}

function countsAlike(before: Pod, after: Pod): boolean {
  return (
    before.metadata.uid === after.metadata.uid &&
    before.metadata.deletionTimestamp === after.metadata.deletionTimestamp &&
    isPodReady(before) === isPodReady(after) &&
    sameLabels(before.metadata.labels ?? {}, after.metadata.labels ?? {}) &&
    controllerOf(before)?.uid === controllerOf(after)?.uid
  );
}

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
