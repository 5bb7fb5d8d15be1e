import { matcherOf } from '@slipway/api/selector';
import type { Node, Pod } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { keyOf, kinds } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import type { Caches } from '../../runtime/caches.ts';
import { type ControllerDefinition, indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { controllerOf, orphanIndex, orphanNamespace } from '../../runtime/owner.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { roomTrigger } from '../replica-failure.ts';
import { revisionTriggers } from '../revision-history.ts';
import { FailedPods } from '../failed-pods.ts';
import { NodeRules, sameForDaemons } from './node-rules.ts';
import { observeDaemonSet } from './observe.ts';
import { planDaemonSet } from './plan.ts';

/** Keeps a pod on every node that should have one. */
export function daemonSetController(clock: Clock): ControllerDefinition {
  const memory = { rules: new NodeRules(), failures: new FailedPods() };
  return definitionFrom({
    name: 'daemonset',
    component: 'daemonset-controller',
    account: 'daemon-set-controller',
    primary: kinds.daemonSets,
    triggers: [
      { on: kinds.pods, via: 'owner' },
      triggerOn(kinds.pods, possibleOwners),
      { on: kinds.nodes, changes: (change, caches) => concerned(change as Change<Node>, caches, memory.rules) },
      roomTrigger(kinds.daemonSets),
      ...revisionTriggers(kinds.daemonSets),
    ],
    indexes: [
      indexOn(kinds.pods, orphanIndex, orphanNamespace),
      indexOn(kinds.controllerRevisions, orphanIndex, orphanNamespace),
    ],
    observe: (key, caches) => observeDaemonSet(key, caches, memory, clock.nowMs()),
    plan: planDaemonSet,
  });
}

/** The sets for which a node came, went, or became another. Nodes report all the time; that wakes nobody. */
function concerned({ before, after }: Change<Node>, caches: Caches, rules: NodeRules): string[] {
  if (before && after && sameForDaemons(before, after)) return [];
  return caches
    .list(kinds.daemonSets)
    .filter((set) => {
      const eligibility = rules.of(set);
      return (before ? eligibility(before) : 'no') !== (after ? eligibility(after) : 'no');
    })
    .map(keyOf);
}

function possibleOwners(pod: Pod, caches: Caches): string[] {
  if (controllerOf(pod)) return [];
  return caches
    .inNamespace(kinds.daemonSets, pod.metadata.namespace ?? '')
    .filter((set) => matcherOf(set.spec.selector).matches(pod.metadata.labels))
    .map(keyOf);
}
