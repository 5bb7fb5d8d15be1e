import { isDeepStrictEqual } from 'node:util';
import { isStatus } from '@slipway/api/status-error';
import type { Namespace } from '@slipway/api/types';
import type { Client } from '@slipway/client/client';
import { type Kind, kinds } from '@slipway/client/kinds';
import type { ControllerDefinition, ControllerDeps, Outcome } from '../../runtime/controller-definition.ts';
import { customKinds } from '../../runtime/custom-kinds.ts';
import { causeObjectFrom } from '../../runtime/plan-reconciler.ts';
import { deleteContent } from './observe.ts';
import { kubernetesFinalizer, planNamespace } from './plan.ts';

/** Empties a namespace that is being deleted, then lets it go. `resources` are the built-in namespaced ones that can be listed and deleted. */
export function namespaceController(resources: readonly Kind[]): ControllerDefinition {
  return {
    name: 'namespace',
    component: 'namespace-controller',
    account: 'namespace-controller',
    primary: kinds.namespaces,
    triggers: [],
    reads: [kinds.customResourceDefinitions],
    workers: 10,
    create: (deps) => ({ reconcile: (key, { signal }) => reconcile(key, resources, deps, signal) }),
  };
}

async function reconcile(
  key: string,
  resources: readonly Kind[],
  { caches, client: plain, clock }: ControllerDeps,
  signal: AbortSignal,
): Promise<Outcome> {
  const namespace = caches.get(kinds.namespaces, key);
  if (!namespace?.metadata.deletionTimestamp || !hasOurFinalizer(namespace)) return {};
  const client = plain.withCause({ controller: 'namespace-controller', object: causeObjectFrom(namespace) });
  const custom = customKinds(caches).filter(({ namespaced }) => namespaced);
  const observed = await deleteContent(namespace, [...resources, ...custom], client, signal);
  const plan = planNamespace(observed, clock.nowMs());
  try {
    if (plan.mayFinalize) await finalize(namespace, client, signal);
    else if (!isDeepStrictEqual(plan.status, namespace.status)) {
      await client.updateStatus(kinds.namespaces, { ...namespace, status: plan.status }, { signal });
    }
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
  return { againAfterMs: plan.againAfterMs };
}

function hasOurFinalizer({ spec }: Namespace): boolean {
  return spec?.finalizers?.includes(kubernetesFinalizer) ?? false;
}

async function finalize(namespace: Namespace, client: Client, signal: AbortSignal): Promise<void> {
  const finalizers = namespace.spec.finalizers?.filter((name) => name !== kubernetesFinalizer) ?? [];
  const next = { ...namespace, spec: { ...namespace.spec, finalizers } };
  await client.updateSubresource(kinds.namespaces, next, 'finalize', { signal });
}
