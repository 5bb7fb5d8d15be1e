import type { PodDisruptionBudget } from '@slipway/api/types';
import { matcherOfLabelSelector } from '../pods/matchers.ts';
import type { PodInfo } from '../pods/pod-info.ts';

/** Disruption budgets as they are now. */
export interface BudgetView {
  /** Another whenever a budget changed. */
  readonly version: unknown;
  inNamespace(namespace: string): readonly PodDisruptionBudget[];
}

/** What budgets still allow while victims are picked one after another. */
export class BudgetCount {
  readonly #budgets: BudgetView;
  readonly #left = new Map<PodDisruptionBudget, number>();

  constructor(budgets: BudgetView) {
    this.#budgets = budgets;
  }

  /** Counts one more disrupted pod; answers whether a budget is overdrawn by it. */
  overdraws({ namespace, name, group: { labels } }: PodInfo): boolean {
    if (Object.keys(labels).length === 0) return false;
    let isOverdrawn = false;
    for (const budget of this.#budgets.inNamespace(namespace)) {
      if (!isMeant(budget, labels) || budget.status?.disruptedPods?.[name] !== undefined) continue;
      const left = (this.#left.get(budget) ?? budget.status?.disruptionsAllowed ?? 0) - 1;
      this.#left.set(budget, left);
      if (left < 0) isOverdrawn = true;
    }
    return isOverdrawn;
  }
}

/** Here, other than in policy/v1 itself, an empty selector means no pod. */
function isMeant({ spec }: PodDisruptionBudget, labels: Readonly<Record<string, string>>): boolean {
  const selector = spec?.selector;
  const isEmpty = Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length === 0;
  return !isEmpty && matcherOfLabelSelector(selector)(labels);
}
