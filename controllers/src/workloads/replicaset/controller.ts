import { matcherOf } from '@slipway/api/selector';
import type { Pod } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { controllerOf, orphanIndex, orphanNamespace } from '../../runtime/owner.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { observeReplicaSet } from './observe.ts';
import { planReplicaSet } from './plan.ts';

/** Keeps as many pods as a ReplicaSet wants. */
export const replicaSetController = definitionFrom({
  name: 'replicaset',
  component: 'replicaset-controller',
  account: 'replicaset-controller',
  primary: kinds.replicaSets,
  triggers: [{ on: kinds.pods, via: 'owner' }, triggerOn(kinds.pods, possibleOwners)],
  indexes: [indexOn(kinds.pods, orphanIndex, orphanNamespace)],
  observe: observeReplicaSet,
  plan: planReplicaSet,
});

/** A pod that nobody controls may be wanted by any replica set whose selector matches it. */
function possibleOwners(pod: Pod, caches: Caches): string[] {
  if (controllerOf(pod)) return [];
  return caches
    .inNamespace(kinds.replicaSets, pod.metadata.namespace ?? '')
    .filter((replicaSet) => matcherOf(replicaSet.spec.selector).matches(pod.metadata.labels))
    .map(keyOf);
}
