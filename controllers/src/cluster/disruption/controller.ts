import type { Pod } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { kinds } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { indexOn, type Trigger } from '../../runtime/controller-definition.ts';
import type { Kind } from '@slipway/client/kinds';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { budgetsAfter } from './budgets.ts';
import { observeBudget } from './observe.ts';
import { budgetsOfOwner, budgetsOfPodsBelow, definedKind, definedKindIndex, scaledKinds } from './owners.ts';
import { planBudget } from './plan.ts';

/** Says of every PodDisruptionBudget how many of its pods may be evicted now. */
export const disruptionController = definitionFrom({
  name: 'disruption',
  component: 'controllermanager',
  account: 'disruption-controller',
  primary: kinds.podDisruptionBudgets,
  triggers: [
    { on: kinds.pods, changes: (change, caches) => budgetsAfter(change as Change<Pod>, caches) },
    ...scaledKinds.map(ownerTrigger),
  ],
  reads: [kinds.customResourceDefinitions],
  indexes: [indexOn(kinds.customResourceDefinitions, definedKindIndex, definedKind)],
  follows: {
    trigger: ownerTrigger,
    added: (kind, caches) => caches.list(kind).flatMap((owner) => budgetsOfPodsBelow(owner, caches)),
    removed: () => {},
  },
  observe: observeBudget,
  plan: planBudget,
});

function ownerTrigger(on: Kind): Trigger {
  return { on, changes: (change: Change, caches: Caches) => budgetsOfOwner(change, caches) };
}
