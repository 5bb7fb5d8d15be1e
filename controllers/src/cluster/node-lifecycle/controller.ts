import type { Node } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { keyOf, kinds } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import type { Caches } from '../../runtime/caches.ts';
import { type ControllerDefinition, indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { FirstSeen } from '../first-seen.ts';
import { leaseNamespace, nodeIndex, nodeOfPod, observeNode } from './observe.ts';
import { planNode } from './plan.ts';
import { isNodeReady } from './zones.ts';

/** Notices nodes that went silent, says so, keeps new pods away and drives the others out. */
export function nodeLifecycleController(clock: Clock): ControllerDefinition {
  const signs = new FirstSeen();
  return definitionFrom({
    name: 'node-lifecycle',
    component: 'node-controller',
    account: 'node-controller',
    primary: kinds.nodes,
    triggers: [
      triggerOn(kinds.leases, ({ metadata }) => (metadata.namespace === leaseNamespace ? [metadata.name ?? ''] : [])),
      { on: kinds.nodes, changes: (change, caches) => nodesInTrouble(change as Change<Node>, caches) },
    ],
    indexes: [indexOn(kinds.pods, nodeIndex, nodeOfPod)],
    observe: (key, caches) => observeNode(key, caches, signs, clock.nowMs()),
    plan: planNode,
  });
}

/** Whether a node may be given up depends on how the others fare. */
function nodesInTrouble({ before, after }: Change<Node>, caches: Caches): string[] {
  const wasReady = before !== undefined && isNodeReady(before);
  const isReady = after !== undefined && isNodeReady(after);
  if (wasReady === isReady) return [];
  return caches
    .list(kinds.nodes)
    .filter((node) => !isNodeReady(node))
    .map(keyOf);
}
