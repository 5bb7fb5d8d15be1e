import type { KubeObject } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { networksAnnotation } from './aliases-of-pod.ts';
import { observeAliases, podIndex, podOfSlice } from './observe.ts';
import { planAliases, planGoneAliases } from './plan.ts';

/**
 * Writes down what pods are called on the Networks that they join, as slices that belong to no service: agents watch
 * slices anyway, so DNS on each node knows the names of all pods without watching those.
 */
export const networkAliasesController = definitionFrom({
  name: 'network-aliases',
  component: 'network-aliases-controller',
  account: 'network-aliases-controller',
  primary: kinds.pods,
  wakes: ({ before, after }) => mayHaveAliases(before) || mayHaveAliases(after),
  triggers: [triggerOn(kinds.endpointSlices, podOfSlice)],
  indexes: [indexOn(kinds.endpointSlices, podIndex, podOfSlice)],
  observe: observeAliases,
  plan: planAliases,
  planGone: (key, caches) => planGoneAliases(caches.byIndex(kinds.endpointSlices, podIndex, key)),
});

function mayHaveAliases(pod: KubeObject | undefined): boolean {
  return pod?.metadata.annotations?.[networksAnnotation]?.includes('"aliases"') ?? false;
}
