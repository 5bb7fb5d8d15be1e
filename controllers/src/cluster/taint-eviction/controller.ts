import { isDeepStrictEqual } from 'node:util';
import type { Node, Pod } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { keyOf, kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import type { Caches } from '../../runtime/caches.ts';
import { type ControllerDefinition, indexOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { FirstSeen } from '../first-seen.ts';
import { nodeIndex, nodeOfPod } from '../node-lifecycle/observe.ts';
import { drivingOut, observeTaintedPod } from './observe.ts';
import { planTaintedPod } from './plan.ts';

/** Deletes pods from nodes whose NoExecute taints they do not bear, or not any longer. */
export function taintEvictionController(clock: Clock): ControllerDefinition {
  const memory = { seen: new FirstSeen(clock), condemned: new Set<ObjectKey>() };
  return definitionFrom({
    name: 'taint-eviction',
    component: 'taint-eviction-controller',
    account: 'node-controller',
    primary: kinds.pods,
    wakes: ({ after }, caches) => after !== undefined && isDrivenOut(after as Pod, caches),
    triggers: [{ on: kinds.nodes, changes: (change, caches) => podsOfRetainted(change as Change<Node>, caches) }],
    indexes: [indexOn(kinds.pods, nodeIndex, nodeOfPod)],
    observe: (key, caches) => observeTaintedPod(key, caches, memory, clock.nowMs()),
    plan: planTaintedPod,
  });
}

/** Few nodes are tainted so, and all changes of the pods on the others are nothing to us. */
function isDrivenOut({ spec }: Pod, caches: Caches): boolean {
  const node = spec.nodeName ? caches.get(kinds.nodes, spec.nodeName) : undefined;
  return drivingOut(node?.spec.taints).length > 0;
}

function podsOfRetainted({ key, before, after }: Change<Node>, caches: Caches): string[] {
  if (isDeepStrictEqual(drivingOut(before?.spec.taints), drivingOut(after?.spec.taints))) return [];
  return caches.byIndex(kinds.pods, nodeIndex, key).map(keyOf);
}
