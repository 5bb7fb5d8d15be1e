import type { ResourceV1ResourceClaim, ResourceClaimStatus } from '@slipway/api/types';
import { validateAllocatedDevices, validateAllocation } from '@slipway/api/validation/device-allocation';
import {
  defaultDeviceClaim,
  isTooMany,
  refuseTwice,
  requestNames,
  validateDeviceClaim,
} from '@slipway/api/validation/device-claim';
import { type FieldError, forbidden, invalid, required } from '@slipway/api/validation/field-error';
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
  status: { validateUpdate: validateStatus },
};

function validateStatus(claim: ResourceV1ResourceClaim, { status: old = {} }: ResourceV1ResourceClaim): FieldError[] {
  const errors: FieldError[] = [];
  const { metadata, spec, status = {} } = claim;
  const { reservedFor = [], allocation } = status;
  const path = 'status.reservedFor';
  validateConsumers(errors, reservedFor, path);
  validateAllocatedDevices(errors, status.devices, allocation, 'status.devices');
  if (reservedFor.length > 0 && !allocation) {
    errors.push(forbidden(path, 'may not be specified when `allocated` is not set'));
  } else if (metadata.deletionTimestamp !== undefined) {
    const known = old.reservedFor ?? [];
    if (reservedFor.some((consumer) => !known.some((other) => semanticEqual(consumer, other)))) {
      errors.push(
        forbidden(path, 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set'),
      );
    }
  }
  const at = 'status.allocation';
  if (!allocation) return errors;
  if (!old.allocation) validateAllocation(errors, allocation, requestNames(spec.devices ?? {}), at);
  else if (!semanticEqual(allocation, old.allocation)) {
    errors.push(invalid(at, allocation, 'field is immutable'));
  }
  return errors;
}

function validateConsumers(
  errors: FieldError[],
  consumers: NonNullable<ResourceClaimStatus['reservedFor']>,
  path: string,
): void {
  if (isTooMany(errors, consumers, consumersMax, path)) return;
  consumers.forEach(({ resource, name, uid }, i) => {
    if (!resource) errors.push(required(`${path}[${i}].resource`));
    if (!name) errors.push(required(`${path}[${i}].name`));
    if (!uid) errors.push(required(`${path}[${i}].uid`));
  });
  const uids = new Set<string>();
  consumers.forEach(({ uid = '' }, i) => {
    refuseTwice(errors, uid, uids, `${path}[${i}]`);
  });
}
