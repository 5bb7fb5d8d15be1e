import { kinds } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import { type ControllerDefinition, indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { FirstSeen } from '../first-seen.ts';
import { leaseNamespace, nodeIndex, nodeOfPod, observeNode } from './observe.ts';
import { planNode } from './plan.ts';

/** Notices nodes that went silent, says so, keeps new pods away and drives the others out. */
export function nodeLifecycleController(clock: Clock): ControllerDefinition {
  const signs = new FirstSeen();
  return definitionFrom({
    name: 'node-lifecycle',
    component: 'node-controller',
    primary: kinds.nodes,
    triggers: [
      triggerOn(kinds.leases, ({ metadata }) => (metadata.namespace === leaseNamespace ? [metadata.name ?? ''] : [])),
    ],
    indexes: [indexOn(kinds.pods, nodeIndex, nodeOfPod)],
    observe: (key, caches) => observeNode(key, caches, signs, clock.nowMs()),
    plan: planNode,
  });
}
