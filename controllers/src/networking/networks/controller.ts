import { keyOf, kinds } from '@slipway/client/kinds';
import { applySteps } from '../../runtime/apply-plan.ts';
import type { Caches } from '../../runtime/caches.ts';
import { type ControllerDefinition, indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { type ClusterRanges, type ObservedNetworks, planNetworks } from './plan.ts';
import { networksOfPod } from './pod-networks.ts';

/** One key for all: numbers and addresses are handed out by one hand. */
const allNetworks = 'networks';
const podIndex = 'pods-of-network';

/** Fills in what Networks leave open, says which cannot be together, and keeps those that pods are on. */
export function networksController(ranges: ClusterRanges): ControllerDefinition {
  const component = 'networks-controller';
  return {
    name: 'networks',
    component,
    account: 'networks-controller',
    workers: 1,
    initialKeys: [allNetworks],
    triggers: [
      triggerOn(kinds.networks, () => [allNetworks]),
      // Pods matter to a Network that is on its way out.
      triggerOn(kinds.pods, (pod, caches) => {
        const isLeaving = (name: string) => caches.get(kinds.networks, name)?.metadata.deletionTimestamp !== undefined;
        return networksOfPod(pod).some(isLeaving) ? [allNetworks] : [];
      }),
    ],
    indexes: [indexOn(kinds.pods, podIndex, networksOfPod)],
    create: ({ caches, client, events, clock, random }) => ({
      reconcile: async (_, { signal }) => {
        const plan = planNetworks(observeNetworks(caches, ranges), clock.nowMs());
        const { pending, failure } = await applySteps(plan.steps, {
          client: client.withCause({ controller: component, object: { kind: 'Network', name: '' } }),
          events,
          clock,
          random,
          signal,
        });
        return failure ? { pending, failure: failure.error } : { pending };
      },
    }),
  };
}

function observeNetworks(caches: Caches, ranges: ClusterRanges): ObservedNetworks {
  const networks = caches.list(kinds.networks);
  const leaving = networks.filter(({ metadata }) => metadata.deletionTimestamp);
  const podsOn = (name: string) => caches.byIndex(kinds.pods, podIndex, name).map(keyOf);
  const usedBy = new Map(leaving.map(({ metadata: { name = '' } }) => [name, podsOn(name)]));
  return { networks, usedBy, ranges };
}
