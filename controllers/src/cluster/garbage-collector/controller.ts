import { type Kind, kinds } from '@slipway/client/kinds';
import { applySteps } from '../../runtime/apply-plan.ts';
import type { ControllerDefinition, ControllerDeps, Outcome } from '../../runtime/controller-definition.ts';
import { causeObjectFrom } from '../../runtime/plan-reconciler.ts';
import { Ownership } from './ownership.ts';
import { planCollection } from './plan.ts';

/** Deletes what has lost its owners. `resources` are all built-in ones that can be listed, watched and deleted, each once; custom kinds it follows. */
export function garbageCollector(resources: readonly Kind[]): ControllerDefinition {
  const ownership = new Ownership(resources);
  return {
    name: 'garbage-collector',
    component: 'generic-garbage-collector',
    account: 'generic-garbage-collector',
    triggers: resources.map((kind) => ({
      on: kind,
      changes: (change, caches) => ownership.keysAfter(kind, change, caches),
    })),
    reads: [kinds.customResourceDefinitions],
    follows: {
      trigger: (kind) => ({ on: kind, changes: (change, caches) => ownership.keysAfter(kind, change, caches) }),
      added: (kind, caches) => {
        ownership.add(kind);
        return ownership.keysOwnedBy(kind, caches);
      },
      removed: (kind) => ownership.remove(kind),
    },
    workers: 20,
    create: (deps) => ({ reconcile: (key, { signal }) => collect(key, ownership, deps, signal) }),
  };
}

async function collect(
  key: string,
  ownership: Ownership,
  { caches, client: plain, events, clock, random }: ControllerDeps,
  signal: AbortSignal,
): Promise<Outcome> {
  const node = await ownership.observe(key, caches, plain, signal);
  const steps = node ? planCollection(node) : [];
  if (!node || steps.length === 0) return {};
  const client = plain.withCause({ controller: 'garbage-collector', object: causeObjectFrom(node.object) });
  const { pending, failure } = await applySteps(steps, { client, events, clock, random, signal });
  if (failure) return { pending, failure: failure.error };
  return { pending };
}
