import type { Pod, PodDisruptionBudget } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { budgetMatcher } from './budgets.ts';
import { type Expectation, expectationFrom } from './owners.ts';

export interface ObservedBudget {
  readonly budget: PodDisruptionBudget;
  /** Pods that its selector matches. */
  readonly pods: readonly Pod[];
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
  return { budget, pods, owners: isAboutOwners ? expectationFrom(pods, caches) : { expected: 0, unmanaged: 0 } };
}
