/** ReplicaSet and ReplicationController promise the same; a selector of the younger says more. One code keeps both. */
import type { LabelMatcher } from '@slipway/api/selector';
import type { Pod, ReplicaSet, ReplicaSetStatus, ReplicationController } from '@slipway/api/types';
import { type Kind, keyOf, kinds } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { type ControllerDefinition, indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { controllerOf, orphanIndex, orphanNamespace } from '../../runtime/owner.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { roomTrigger } from '../replica-failure.ts';
import { type ObservedReplicas, observeReplicas } from './observe.ts';
import { planReplicas } from './plan.ts';

export type ReplicasOwner = ReplicaSet | ReplicationController;

/** What the one code asks of each of the two kinds. */
export interface ReplicasKind<Owner extends ReplicasOwner = ReplicasOwner> {
  readonly kind: Kind<Owner>;
  matcherOf(owner: Owner): LabelMatcher;
  /** Its status counts pods on their way out. */
  readonly countsTerminating: boolean;
}

/** A controller that keeps as many pods as an object of the kind wants. */
export function replicasController<Owner extends ReplicasOwner>(
  of: ReplicasKind<Owner>,
  named: Pick<ControllerDefinition, 'name' | 'component' | 'account'>,
): ControllerDefinition {
  /** A pod that nobody controls may be wanted by any owner whose selector matches it. */
  const possibleOwners = (pod: Pod, caches: Caches) => {
    if (controllerOf(pod)) return [];
    return caches
      .inNamespace(of.kind, pod.metadata.namespace ?? '')
      .filter((owner) => of.matcherOf(owner).matches(pod.metadata.labels))
      .map(keyOf);
  };
  return definitionFrom<Owner, ObservedReplicas<Owner>, ReplicaSetStatus>({
    ...named,
    primary: of.kind,
    triggers: [{ on: kinds.pods, via: 'owner' }, triggerOn(kinds.pods, possibleOwners), roomTrigger(of.kind)],
    indexes: [indexOn(kinds.pods, orphanIndex, orphanNamespace)],
    observe: (key, caches) => observeReplicas(of, key, caches),
    plan: (observed, nowMs) => planReplicas(of, observed, nowMs),
  });
}
