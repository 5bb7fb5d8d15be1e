import type { ResourceV1ResourceClaim, ResourceClaimStatus } from '@slipway/api/types';
import { defaultDeviceClaim, validateDeviceClaim } from '@slipway/api/validation/device-claim';
import { type FieldError, duplicate, forbidden, invalid, required, tooMany } from '@slipway/api/validation/field-error';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration, keepStatus } from '../generation.ts';

/** Pods that may share what a claim got. */
const consumersMax = 256;

export const resourceClaimStrategy: Strategy<ResourceV1ResourceClaim> = {
  resource: descriptorOf('resource.k8s.io', 'v1', 'resourceclaims'),
  defaults(draft) {
    draft.spec ??= {};
    draft.spec.devices ??= {};
    defaultDeviceClaim(draft.spec.devices);
  },
  prepareCreate(draft) {
    dropGeneration(draft);
    draft.status = {};
  },
  prepareUpdate: keepStatus,
  validate({ spec }) {
    const errors: FieldError[] = [];
    validateDeviceClaim(errors, spec.devices ?? {}, 'spec.devices');
    return errors;
  },
  validateUpdate({ spec }, { spec: old }) {
    return semanticEqual(spec, old) ? [] : [invalid('spec', spec, 'field is immutable')];
  },
  status: { validateUpdate: ({ metadata, status = {} }, old) => validateStatus(status, old.status ?? {}, metadata) },
};

function validateStatus(
  status: ResourceClaimStatus,
  old: ResourceClaimStatus,
  { deletionTimestamp }: { readonly deletionTimestamp?: string },
): FieldError[] {
  const errors: FieldError[] = [];
  const { reservedFor = [], allocation } = status;
  const path = 'status.reservedFor';
  if (reservedFor.length > consumersMax) errors.push(tooMany(path, reservedFor.length, consumersMax));
  const uids = new Set<string>();
  reservedFor.forEach(({ resource, name, uid }, i) => {
    if (!resource) errors.push(required(`${path}[${i}].resource`));
    if (!name) errors.push(required(`${path}[${i}].name`));
    if (!uid) errors.push(required(`${path}[${i}].uid`));
    else if (uids.has(uid)) errors.push(duplicate(`${path}[${i}].uid`, uid));
    uids.add(uid ?? '');
  });
  if (reservedFor.length > 0 && !allocation) {
    errors.push(forbidden(path, 'may not be specified when `allocated` is not set'));
  }
  const isMore = reservedFor.length > (old.reservedFor?.length ?? 0);
  if (isMore && deletionTimestamp !== undefined) {
    errors.push(
      forbidden(path, 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set'),
    );
  }
  if (old.allocation && allocation && !semanticEqual(allocation, old.allocation)) {
    errors.push(invalid('status.allocation', allocation, 'field is immutable'));
  }
  return errors;
}
