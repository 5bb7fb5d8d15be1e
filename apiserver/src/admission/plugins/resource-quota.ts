/** No namespace gets more than its quotas say. The last of the chain: what anybody else refuses is not charged. */
import { evaluatorOf, isInScopes, type QuotaEvaluator } from '@slipway/api/quota/evaluator';
import { growth, type Usage } from '@slipway/api/quota/usage';
import type { KubeObject, ResourceQuota } from '@slipway/api/types';
import { forbidden } from '../../registry/status-errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { Derived } from '../derived.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionRequest, AdmissionWrite } from '../plugin.ts';
import { type Charge, QuotaKeeper } from '../quota/quota-keeper.ts';

/** Namespaces that have quotas: all others cost a look-up. */
const namespacesWithQuotas = new Derived<ReadonlySet<string>>(
  { group: '', resource: 'resourcequotas' },
  (objects) => new Set(Array.from(objects, ({ metadata }) => metadata.namespace ?? '')),
);

const keepers = new WeakMap<ObjectStore, QuotaKeeper>();

function keeperOf(objects: ObjectStore): QuotaKeeper {
  let keeper = keepers.get(objects);
  if (!keeper) {
    keeper = new QuotaKeeper(objects);
    keepers.set(objects, keeper);
  }
  return keeper;
}

/** What a request has been charged already: an update that lost a race and a generated name that was taken come again. */
const charges = new WeakMap<AdmissionRequest, { readonly usage: Usage; readonly charged: ReadonlySet<string> }>();

export const resourceQuota: AdmissionPlugin = {
  name: 'ResourceQuota',
  on: [
    { operations: ['CREATE', 'UPDATE'], group: '*', resources: ['*'] },
    { operations: ['UPDATE'], group: '', resources: ['pods/resize'] },
  ],

  validate(write, { objects, clock }) {
    const { draft, old, request } = write;
    const { namespace, api } = request;
    if (!draft || namespace === undefined || !namespacesWithQuotas.of(objects).has(namespace)) return;
    const evaluator = evaluatorOf(api);
    if (old && !evaluator.growsByUpdate && request.subresource !== 'resize') return;
    const nowMs = clock.nowMs();
    const usage = evaluator.usage(draft, nowMs);
    const before = charges.get(request)?.usage;
    const grown = old ? growth(evaluator.usage(old, nowMs), usage) : usage;
    const more = before ? growth(before, grown) : grown;
    if (more.size === 0) return;
    const charge = chargeOf(write, draft, evaluator, more);
    return keeperOf(objects)
      .take(charge)
      .then((charged) => {
        if (!request.dryRun) charges.set(request, { usage: grown, charged });
      });
  },

  release(request, { objects }: AdmissionDeps) {
    const charge = charges.get(request);
    if (!charge) return;
    charges.delete(request);
    return keeperOf(objects).giveBack(request.namespace ?? '', charge.usage, charge.charged);
  },
};

function chargeOf({ request }: AdmissionWrite, draft: KubeObject, evaluator: QuotaEvaluator, usage: Usage): Charge {
  const refuse = (reason: string) => forbidden(request.api, draft.metadata.name ?? '', reason);
  return {
    namespace: request.namespace ?? '',
    usage,
    dryRun: request.dryRun,
    refuse,
    concerns(quota: ResourceQuota) {
      const hard = Object.keys(quota.status?.hard ?? {}).filter((name) => evaluator.covers(name));
      if (hard.length === 0 || !isInScopes(quota, evaluator, draft)) return false;
      const missing = evaluator.missing?.(draft, hard);
      const { name } = quota.metadata;
      if (missing !== undefined) throw refuse(`failed quota: ${name}: ${missing}`);
      const unknown = hard.filter((each) => quota.status?.used?.[each] === undefined);
      if (unknown.length === 0) return true;
      throw refuse(`status unknown for quota: ${name}, resources: ${unknown.sort().join(',')}`);
    },
  };
}
