import type { VolumeAttributesClass } from '@slipway/api/types';
import { type FieldError, forbidden, required } from '@slipway/api/validation/field-error';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';
import { validateParameters, validateProvisioner } from './storage-class.ts';

export const volumeAttributesClassStrategy: Strategy<VolumeAttributesClass> = {
  resource: descriptorOf('storage.k8s.io', 'v1', 'volumeattributesclasses'),
  prepareCreate: dropGeneration,
  validate({ driverName = '', parameters }) {
    const errors: FieldError[] = [];
    validateProvisioner(errors, driverName, 'driverName');
    if (Object.keys(parameters ?? {}).length === 0) {
      errors.push(required('parameters', 'must contain at least one key/value pair'));
    }
    validateParameters(errors, parameters, 'parameters');
    return errors;
  },
  validateUpdate(draft, old) {
    const errors: FieldError[] = [];
    for (const field of ['driverName', 'parameters'] as const) {
      if (!semanticEqual(draft[field], old[field])) errors.push(forbidden(field, `updates to ${field} are forbidden.`));
    }
    return errors;
  },
};
