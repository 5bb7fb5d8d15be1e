import { isDeepStrictEqual } from 'node:util';
import type { Node } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { keyOf, kinds } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import type { Caches } from '../../runtime/caches.ts';
import { type ControllerDefinition, indexOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { FirstSeen } from '../first-seen.ts';
import { nodeIndex, nodeOfPod } from '../node-lifecycle/observe.ts';
import { observeTaintedPod } from './observe.ts';
import { planTaintedPod } from './plan.ts';

/** Deletes pods from nodes whose NoExecute taints they do not bear, or not any longer. */
export function taintEvictionController(clock: Clock): ControllerDefinition {
  const seen = new FirstSeen();
  return definitionFrom({
    name: 'taint-eviction',
    component: 'taint-eviction-controller',
    account: 'node-controller',
    primary: kinds.pods,
    triggers: [{ on: kinds.nodes, changes: (change, caches) => podsOfRetainted(change as Change<Node>, caches) }],
    indexes: [indexOn(kinds.pods, nodeIndex, nodeOfPod)],
    observe: (key, caches) => observeTaintedPod(key, caches, seen, clock.nowMs()),
    plan: planTaintedPod,
  });
}

function podsOfRetainted({ key, before, after }: Change<Node>, caches: Caches): string[] {
  const evicting = (node: Node | undefined) => node?.spec.taints?.filter(({ effect }) => effect === 'NoExecute') ?? [];
  if (isDeepStrictEqual(evicting(before), evicting(after))) return [];
  return caches.byIndex(kinds.pods, nodeIndex, key).map(keyOf);
}
