import type { PersistentVolumeClaim, Pod } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { keyFrom, keyOf, kinds } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import type { Caches } from '../../runtime/caches.ts';
import { type ControllerDefinition, indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { controllerOf, orphanIndex, orphanNamespace } from '../../runtime/owner.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { FailedPods } from '../failed-pods.ts';
import { roomTrigger } from '../replica-failure.ts';
import { revisionTriggers } from '../revision-history.ts';
import { claimTemplates, parsePodName } from './identity.ts';
import { observeStatefulSet } from './observe.ts';
import { planStatefulSet } from './plan.ts';

/** Keeps pods that have names, claims and an order. */
export function statefulSetController(clock: Clock): ControllerDefinition {
  const failures = new FailedPods();
  return definitionFrom({
    name: 'statefulset',
    component: 'statefulset-controller',
    account: 'statefulset-controller',
    primary: kinds.statefulSets,
    triggers: [
      { on: kinds.pods, via: 'owner' },
      triggerOn(kinds.pods, possibleOwner),
      roomTrigger(kinds.statefulSets),
      ...revisionTriggers(kinds.statefulSets),
      {
        on: kinds.persistentVolumeClaims,
        changes: (change, caches) => waitingFor(change as Change<PersistentVolumeClaim>, caches),
      },
    ],
    indexes: [
      indexOn(kinds.pods, orphanIndex, orphanNamespace),
      indexOn(kinds.controllerRevisions, orphanIndex, orphanNamespace),
    ],
    observe: (key, caches) => observeStatefulSet(key, caches, failures, clock.nowMs()),
    plan: planStatefulSet,
  });
}

/** A pod that nobody controls says by its name whose it may be. */
function possibleOwner(pod: Pod): string[] {
  const parent = controllerOf(pod) ? undefined : parsePodName(pod.metadata.name ?? '')?.parent;
  return parent === undefined ? [] : [keyFrom({ namespace: pod.metadata.namespace, name: parent })];
}

/** A new pod waits until a claim that is being deleted is gone. */
function waitingFor({ before, after }: Change<PersistentVolumeClaim>, caches: Caches): string[] {
  if (after || !before) return [];
  const { namespace = '', name = '' } = before.metadata;
  return caches
    .inNamespace(kinds.statefulSets, namespace)
    .filter((set) =>
      claimTemplates(set).some(({ metadata }) => name.startsWith(`${metadata.name}-${set.metadata.name}-`)),
    )
    .map(keyOf);
}
