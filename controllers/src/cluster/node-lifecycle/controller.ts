import type { Node } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { kinds } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import {
  type ControllerDefinition,
  type ControllerDeps,
  indexOn,
  type Reconciler,
  triggerOn,
} from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { FirstSeen } from '../first-seen.ts';
import { leaseNamespace, nodeIndex, nodeOfPod, observeNode } from './observe.ts';
import { planNode } from './plan.ts';
import { Registrations } from './registrations.ts';
import { ZoneBook } from './zones.ts';

/** Notices nodes that went silent, says so, keeps new pods away and drives the others out. */
export function nodeLifecycleController(clock: Clock): ControllerDefinition {
  const memory = { signs: new FirstSeen(clock), zones: new ZoneBook() };
  const deciding = definitionFrom({
    name: 'node-lifecycle',
    component: 'node-controller',
    account: 'node-controller',
    primary: kinds.nodes,
    triggers: [
      triggerOn(kinds.leases, ({ metadata }) => (metadata.namespace === leaseNamespace ? [metadata.name ?? ''] : [])),
      { on: kinds.nodes, changes: (change) => memory.zones.note(change as Change<Node>) },
    ],
    indexes: [indexOn(kinds.pods, nodeIndex, nodeOfPod)],
    observe: (key, caches) => observeNode(key, caches, memory, clock.nowMs()),
    plan: planNode,
  });
  return { ...deciding, create: (deps) => tellingOfRegistrations(deciding, deps) };
}

function tellingOfRegistrations(deciding: ControllerDefinition, deps: ControllerDeps): Reconciler {
  const reconciler = deciding.create(deps);
  const registrations = new Registrations();
  return {
    reconcile: (key, context) => {
      registrations.tell(key, deps.caches.get(kinds.nodes, key), deps.events, deps.clock.nowMs());
      return reconciler.reconcile(key, context);
    },
  };
}
