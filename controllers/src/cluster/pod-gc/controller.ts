import { isStatus } from '@slipway/api/status-error';
import type { Node } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { applySteps } from '../../runtime/apply-plan.ts';
import type { ControllerDefinition, ControllerDeps, Outcome } from '../../runtime/controller-definition.ts';
import { FirstSeen } from '../first-seen.ts';
import { isOutOfService, planPodCollection } from './plan.ts';

const sweepKey = 'sweep';
const everyMs = 20_000;
/** A node may be registered anew under its name; its pods are given this long. */
const quarantineMs = 40_000;

/** Removes pods that nobody else will: of nodes that are gone or declared off, never started, or ended long ago. */
export const podGcController: ControllerDefinition = {
  name: 'pod-gc',
  component: 'pod-garbage-collector',
  account: 'pod-garbage-collector',
  triggers: [],
  reads: [kinds.pods, kinds.nodes],
  initialKeys: [sweepKey],
  workers: 1,
  create: (deps) => {
    const missing = new FirstSeen(deps.clock);
    return { reconcile: (_, { signal }) => sweep(deps, missing, signal) };
  },
};

async function sweep(deps: ControllerDeps, missing: FirstSeen, signal: AbortSignal): Promise<Outcome> {
  const { caches, client, events, clock, random } = deps;
  const pods = caches.list(kinds.pods);
  const namesOf = (nodes: readonly Node[]) => new Set(nodes.map(({ metadata }) => metadata.name ?? ''));
  const nodes = namesOf(caches.list(kinds.nodes));
  const goneNodes = new Set<string>();
  for (const name of new Set(pods.map(({ spec }) => spec.nodeName ?? ''))) {
    if (name === '' || nodes.has(name)) missing.forget(name);
    else if (clock.nowMs() - missing.since(name, 'missing', clock.nowMs()) >= quarantineMs) {
      if (await isGone(name, deps, signal)) goneNodes.add(name);
    }
  }
  const nodesOutOfService = namesOf(caches.list(kinds.nodes).filter(isOutOfService));
  const steps = planPodCollection({ pods, goneNodes, nodesOutOfService }, clock.nowMs());
  const { failure } = await applySteps(steps, { client, events, clock, random, signal });
  if (failure && !isStatus(failure.error, 'NotFound')) throw failure.error;
  return { againAfterMs: everyMs };
}

async function isGone(name: string, { client }: ControllerDeps, signal: AbortSignal): Promise<boolean> {
  try {
    await client.get(kinds.nodes, { name }, { signal });
    return false;
  } catch (error) {
    if (isStatus(error, 'NotFound')) return true;
    throw error;
  }
}
