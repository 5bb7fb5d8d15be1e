import { matcherOf } from '@slipway/api/selector';
import type { Pod, ReplicaSet } from '@slipway/api/types';
import { keyFrom, keyOf, kinds } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { controllerOf, orphanIndex, orphanNamespace } from '../../runtime/owner.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { observeDeployment } from './observe.ts';
import { planDeployment } from './plan.ts';

/** Rolls replica sets from one pod template to the next. */
export const deploymentController = definitionFrom({
  name: 'deployment',
  component: 'deployment-controller',
  account: 'deployment-controller',
  primary: kinds.deployments,
  triggers: [
    { on: kinds.replicaSets, via: 'owner' },
    triggerOn(kinds.replicaSets, possibleOwners),
    { on: kinds.pods, changes: ({ before, after }, caches) => (after ? [] : recreating(before as Pod, caches)) },
  ],
  indexes: [indexOn(kinds.replicaSets, orphanIndex, orphanNamespace)],
  observe: observeDeployment,
  plan: planDeployment,
});

function possibleOwners(replicaSet: ReplicaSet, caches: Caches): string[] {
  if (controllerOf(replicaSet)) return [];
  return caches
    .inNamespace(kinds.deployments, replicaSet.metadata.namespace ?? '')
    .filter((deployment) => matcherOf(deployment.spec.selector).matches(replicaSet.metadata.labels))
    .map(keyOf);
}

/** A Recreate deployment goes on when the last pod of the former template is gone. */
function recreating(pod: Pod, caches: Caches): string[] {
  const { namespace } = pod.metadata;
  const replicaSetRef = controllerOf(pod);
  if (replicaSetRef?.kind !== 'ReplicaSet') return [];
  const replicaSet = caches.get(kinds.replicaSets, keyFrom({ namespace, name: replicaSetRef.name }));
  const owner = replicaSet && controllerOf(replicaSet);
  if (owner?.kind !== 'Deployment') return [];
  const key = keyFrom({ namespace, name: owner.name });
  return caches.get(kinds.deployments, key)?.spec.strategy?.type === 'Recreate' ? [key] : [];
}
