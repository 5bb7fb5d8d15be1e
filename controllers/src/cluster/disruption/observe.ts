import type { Pod, PodDisruptionBudget } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { budgetMatcher } from './budgets.ts';
import { type Expectation, expectationFrom } from './owners.ts';

export interface ObservedBudget {
  readonly budget: PodDisruptionBudget;
  /** Pods that its selector matches. */
  readonly pods: readonly Pod[];
  /** Those of them that a budget earlier in the alphabet matches as well: nothing can evict them. */
  readonly contested: readonly Pod[];
  /** What the owners of the pods want; only looked up where the budget is about that. */
  readonly owners: Expectation | { readonly problem: string };
}

export function observeBudget(key: ObjectKey, caches: Caches): ObservedBudget | undefined {
  const budget = caches.get(kinds.podDisruptionBudgets, key);
  if (!budget) return undefined;
  const matcher = budgetMatcher(budget);
  const pods = caches
    .inNamespace(kinds.pods, budget.metadata.namespace ?? '')
    .filter((pod) => matcher.matches(pod.metadata.labels));
  const { maxUnavailable, minAvailable } = budget.spec;
  const isAboutOwners = maxUnavailable !== undefined || typeof minAvailable === 'string';
  const contested = pods.filter(isMatchedBy(budgetsBefore(budget, caches)));
  return {
    budget,
    pods,
    contested,
    owners: isAboutOwners ? expectationFrom(pods, caches) : { expected: 0, unmanaged: 0 },
  };
}

function budgetsBefore({ metadata }: PodDisruptionBudget, caches: Caches): readonly PodDisruptionBudget[] {
  return caches
    .inNamespace(kinds.podDisruptionBudgets, metadata.namespace ?? '')
    .filter((other) => (other.metadata.name ?? '') < (metadata.name ?? ''));
}

function isMatchedBy(budgets: readonly PodDisruptionBudget[]): (pod: Pod) => boolean {
  const matchers = budgets.map(budgetMatcher);
  return (pod) => matchers.some((matcher) => matcher.matches(pod.metadata.labels));
}
