import { canonicalCapacity, defaultClaimSpec } from '@slipway/api/defaults/persistent-volume';
import { compareQuantities, parseQuantity, tryParseQuantity } from '@slipway/api/quantity';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '@slipway/api/types';
import { differences } from '@slipway/api/validation/differences';
import { type FieldError, forbidden, invalid, required } from '@slipway/api/validation/field-error';
import { validateClaimSpec, validateNonNegativeAmount } from '@slipway/api/validation/persistent-volume';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration, keepStatus } from '../generation.ts';

export const persistentVolumeClaimStrategy: Strategy<PersistentVolumeClaim> = {
  resource: descriptorOf('', 'v1', 'persistentvolumeclaims'),
  answersDeletedObject: true,
  defaults(draft) {
    draft.spec ??= {};
    defaultClaimSpec(draft.spec);
    draft.status ??= {};
    draft.status.phase ||= 'Pending';
    canonicalCapacity(draft.status.capacity);
    canonicalCapacity(draft.status.allocatedResources);
  },
  prepareCreate(draft) {
    dropGeneration(draft);
    draft.status = { phase: 'Pending' };
  },
  prepareUpdate: keepStatus,
  validate({ spec }) {
    const errors: FieldError[] = [];
    validateClaimSpec(errors, spec, 'spec');
    return errors;
  },
  validateUpdate: validateChange,
  status: {
    validateUpdate({ spec, status }) {
      const errors: FieldError[] = [];
      if (!spec.accessModes?.length) errors.push(required('Spec.accessModes'));
      for (const field of ['capacity', 'allocatedResources'] as const) {
        for (const [name, amount] of Object.entries(status?.[field] ?? {})) {
          validateNonNegativeAmount(errors, amount, `status.${field}[${name}]`);
        }
      }
      return errors;
    },
  },
};

/** A claim stays what it was; once it is bound it may ask for more. */
function validateChange(draft: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const errors: FieldError[] = [];
  const now = comparable(draft.spec, old);
  if (!semanticEqual(now, comparable(old.spec, old))) {
    const rule =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    errors.push(forbidden('spec', `${rule}\n${differences(now, old.spec).join('\n')}`));
  }
  validateSize(errors, draft, old);
  if (draft.spec.volumeMode !== old.spec.volumeMode) {
    errors.push(invalid('volumeMode', draft.spec.volumeMode, 'field is immutable'));
  }
  if (old.spec.volumeAttributesClassName && !draft.spec.volumeAttributesClassName) {
    errors.push(forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'));
  }
  return errors;
}

/** With what may change taken from the stored claim. */
function comparable(spec: PersistentVolumeClaimSpec, { spec: old, status }: PersistentVolumeClaim) {
  const isBound = status?.phase === 'Bound';
  const requests = { ...spec.resources?.requests };
  if (isBound && old.resources?.requests?.storage !== undefined) requests.storage = old.resources.requests.storage;
  const now: PersistentVolumeClaimSpec = { ...spec, resources: { ...spec.resources, requests } };
  // The volume is named once, and a class may be given to a claim that waits without one.
  if (!old.volumeName) now.volumeName = undefined;
  if (old.storageClassName === undefined && !isBound) now.storageClassName = undefined;
  if (isBound) now.volumeAttributesClassName = undefined;
  return now;
}

function validateSize(errors: FieldError[], draft: PersistentVolumeClaim, old: PersistentVolumeClaim): void {
  const size = tryParseQuantity(draft.spec.resources?.requests?.storage ?? '');
  const before = tryParseQuantity(old.spec.resources?.requests?.storage ?? '');
  if (!size || !before || compareQuantities(size, before) >= 0) return;
  const path = 'spec.resources.requests.storage';
  const capacity = tryParseQuantity(old.status?.capacity?.storage ?? '') ?? parseQuantity('0');
  // Below what was asked for, but above what there is: a way back from an expansion that failed.
  if (compareQuantities(size, capacity) <= 0) {
    errors.push(forbidden(path, 'field can not be less than status.capacity'));
  }
}
