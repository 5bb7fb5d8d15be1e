import { kinds } from '@slipway/client/kinds';
import { applySteps } from '../../runtime/apply-plan.ts';
import { type ControllerDefinition, triggerOn } from '../../runtime/controller-definition.ts';
import { nodeBitsDefault } from './node-networks.ts';
import { planNodeIpam } from './plan.ts';

/** One key for all nodes: parts of one network are handed out by one hand. */
const allNodes = 'nodes';

/** Gives each node its part of the cluster's addresses, from which its pods get theirs. */
export function nodeIpamController(clusterCidr: string): ControllerDefinition {
  const component = 'cidrAllocator';
  const networks = { clusterCidr, nodeBits: nodeBitsDefault };
  return {
    name: 'node-ipam',
    component,
    account: 'node-controller',
    workers: 1,
    initialKeys: [allNodes],
    triggers: [triggerOn(kinds.nodes, ({ spec }) => (spec.podCIDR ? [] : [allNodes]))],
    create: ({ caches, client, events, clock, random }) => ({
      reconcile: async (_, { signal }) => {
        const plan = planNodeIpam(caches.list(kinds.nodes), networks);
        const { pending, failure } = await applySteps(plan.steps, {
          client: client.withCause({ controller: component, object: { kind: 'Node', name: '' } }),
          events,
          clock,
          random,
          signal,
        });
        if (failure) return { pending, failure: failure.error };
        const isShort = plan.steps.some(({ op }) => op === 'event');
        return { pending, ...(isShort ? { againAfterMs: againMs } : {}) };
      },
    }),
  };
}

/** A node that leaves gives its part back; until then it makes no sense to ask often. */
const againMs = 60_000;
