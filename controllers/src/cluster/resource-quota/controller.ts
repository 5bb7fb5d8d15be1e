import { isDeepStrictEqual } from 'node:util';
import { evaluatorOf } from '@slipway/api/quota/evaluator';
import type { ResourceQuota } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { type Kind, keyOf, kinds } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import { applyPlan } from '../../runtime/apply-plan.ts';
import type { Caches } from '../../runtime/caches.ts';
import type { ControllerDefinition, ControllerDeps, Outcome } from '../../runtime/controller-definition.ts';
import { causeObjectFrom } from '../../runtime/plan-reconciler.ts';
import { Charges } from './charges.ts';
import { planQuota, recountMs } from './plan.ts';

const quotas = kinds.resourceQuotas;

/** Counts what quotas limit. `resources` are all that a quota can count: what is namespaced and can be listed and watched. */
export function resourceQuotaController(resources: readonly Kind[], clock: Clock): ControllerDefinition {
  const charges = new Charges(clock);
  return {
    name: 'resourcequota',
    component: 'resourcequota-controller',
    account: 'resourcequota-controller',
    primary: quotas,
    triggers: [
      {
        on: quotas,
        changes: (change) => {
          charges.noteQuota(change as Change<ResourceQuota>);
          return [];
        },
      },
      ...resources.map((kind) => ({
        on: kind,
        changes: (change: Change, caches: Caches) => keysAfter(kind, change, caches, charges),
      })),
    ],
    workers: 4,
    create: (deps) => ({ reconcile: (key, { signal }) => reconcile(key, resources, charges, deps, signal) }),
  };
}

/** The quotas of the namespace, when the change leaves them with more room. */
function keysAfter(kind: Kind, change: Change, caches: Caches, charges: Charges): string[] {
  const { namespace = '' } = (change.after ?? change.before)?.metadata ?? {};
  const found = caches.inNamespace(quotas, namespace);
  if (found.length === 0 || !charges.noteObject(kind, change)) return [];
  const keys = found.map(keyOf);
  for (const key of keys) charges.demand(key);
  return keys;
}

async function reconcile(
  key: string,
  resources: readonly Kind[],
  charges: Charges,
  { caches, client: plain, clock, random, events }: ControllerDeps,
  signal: AbortSignal,
): Promise<Outcome> {
  const quota = caches.get(quotas, key);
  if (!quota) return {};
  const isNew = !isDeepStrictEqual(quota.spec.hard ?? {}, quota.status?.hard ?? {});
  if (!isNew && !charges.isDue(quota)) return { againAfterMs: recountMs };
  const plan = planQuota(
    { quota, counted: countedBy(quota, resources, caches), promised: charges.promised(quota) },
    clock.nowMs(),
  );
  charges.counted(quota, isDeepStrictEqual(plan.status, quota.status) && plan.again?.afterMs === recountMs);
  const client = plain.withCause({ controller: 'resourcequota-controller', object: causeObjectFrom(quota) });
  const { pending, failure } = await applyPlan(
    plan,
    { kind: quotas as Kind, object: quota },
    { client, events, clock, random, signal },
  );
  if (failure) return { pending, failure: failure.error };
  return { pending, againAfterMs: plan.again?.afterMs };
}

function countedBy(quota: ResourceQuota, resources: readonly Kind[], caches: Caches) {
  const names = Object.keys(quota.spec.hard ?? {});
  const { namespace = '' } = quota.metadata;
  return resources.flatMap((kind) => {
    const evaluator = evaluatorOf(kind);
    if (!names.some((name) => evaluator.covers(name))) return [];
    return [{ evaluator, objects: caches.inNamespace(kind, namespace) }];
  });
}
