import { canonicalAmount } from '@slipway/api/defaults/persistent-volume';
import type { CSIStorageCapacity } from '@slipway/api/types';
import { type FieldError, invalid, required } from '@slipway/api/validation/field-error';
import { validateLabelSelector } from '@slipway/api/validation/label-selector';
import { validateClassName, validateNonNegativeAmount } from '@slipway/api/validation/persistent-volume';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

export const csiStorageCapacityStrategy: Strategy<CSIStorageCapacity> = {
  resource: descriptorOf('storage.k8s.io', 'v1', 'csistoragecapacities'),
  allowUnconditionalUpdate: false,
  defaults(draft) {
    for (const field of ['capacity', 'maximumVolumeSize'] as const) {
      const amount = draft[field];
      if (amount !== undefined) draft[field] = canonicalAmount(amount);
    }
  },
  prepareCreate: dropGeneration,
  validate(draft) {
    const errors: FieldError[] = [];
    validateLabelSelector(errors, draft.nodeTopology, 'nodeTopology');
    if (!draft.storageClassName) errors.push(required('storageClassName'));
    validateClassName(errors, draft.storageClassName, 'storageClassName');
    validateNonNegativeAmount(errors, draft.capacity, 'capacity');
    validateNonNegativeAmount(errors, draft.maximumVolumeSize, 'maximumVolumeSize');
    return errors;
  },
  validateUpdate(draft, old) {
    const errors: FieldError[] = [];
    for (const field of ['nodeTopology', 'storageClassName'] as const) {
      if (!semanticEqual(draft[field], old[field])) errors.push(invalid(field, draft[field], 'field is immutable'));
    }
    return errors;
  },
};
