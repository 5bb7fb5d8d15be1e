import type { Change } from '@slipway/client/cache';
import { keyOf, kindId, kinds } from '@slipway/client/kinds';
import type { KubeObject, Service } from '@slipway/api/types';
import { applySteps } from '../../runtime/apply-plan.ts';
import { type ControllerDefinition, indexOn, settled, triggerOn } from '../../runtime/controller-definition.ts';
import { PendingWrites } from '../../runtime/pending-writes.ts';
import { causeObjectFrom } from '../../runtime/plan-reconciler.ts';
import type { Step } from '../../runtime/step.ts';
import {
  balancedIndex,
  balancedServices,
  concernsLocal,
  concernsNode,
  observeLoadBalancers,
  serviceOfAnySlice,
  slicesIndex,
} from './observe.ts';
import { planLoadBalancers } from './plan.ts';

/** One key for all: addresses are given by one hand. */
const all = 'load-balancers';
const untilSyncedMs = 250;
const component = 'load-balancer-controller';

/** Gives Services of type LoadBalancer addresses out of AddressPools, and says which nodes answer for them. */
export const loadBalancerController: ControllerDefinition = {
  name: 'load-balancer',
  component,
  account: 'load-balancer-controller',
  workers: 1,
  initialKeys: [all],
  triggers: [
    triggerOn(kinds.services, (service) => (balancedServices(service).length > 0 ? [all] : [])),
    triggerOn(kinds.endpointSlices, (slice, caches) => (concernsLocal(slice, caches) ? [all] : [])),
    { on: kinds.nodes, changes: (change: Change) => (concernsNode(change) ? [all] : []) },
  ],
  reads: [kinds.namespaces, kinds.customResourceDefinitions],
  indexes: [
    indexOn<Service>(kinds.services, balancedIndex, balancedServices),
    indexOn(kinds.endpointSlices, slicesIndex, serviceOfAnySlice),
  ],
  // The kind of the pools is a custom one: there may be servers that do not have it.
  follows: {
    trigger: (kind) => ({ on: kind, via: () => (kindId(kind) === kindId(kinds.addressPools) ? [all] : []) }),
    added: () => [all],
    removed: () => {},
  },
  create: ({ caches, client, events, clock, random }) => ({
    reconcile: async (_, { signal }) => {
      // Before the pools are known nothing is: to go by none would take all addresses away.
      if (!caches.has(kinds.addressPools)) return settled;
      if (!caches.of(kinds.addressPools).isSynced) return { againAfterMs: untilSyncedMs };
      const steps = planLoadBalancers(observeLoadBalancers(caches), clock.nowMs());
      const pending = new PendingWrites();
      for (const { object, steps: own } of byTarget(steps)) {
        const cause = { controller: component, object: causeObjectFrom(object) };
        const deps = { client: client.withCause(cause), events, clock, random, signal };
        const applied = await applySteps(own, deps);
        pending.include(applied.pending);
        if (applied.failure) return { pending, failure: applied.failure.error };
      }
      return { pending };
    },
  }),
};

/** Steps by the object that they change, in order: it is the cause of them. */
function byTarget(steps: readonly Step[]): Iterable<{ readonly object: KubeObject; readonly steps: Step[] }> {
  const groups = new Map<string, { readonly object: KubeObject; readonly steps: Step[] }>();
  for (const step of steps) {
    if (step.op !== 'patch') continue;
    const id = step.target.metadata.uid ?? keyOf(step.target);
    const group = groups.get(id) ?? { object: step.target, steps: [] };
    group.steps.push(step);
    groups.set(id, group);
  }
  return groups.values();
}
