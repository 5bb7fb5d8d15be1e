import type { Lease } from '@slipway/api/types';
import { validateNonNegative } from '@slipway/api/validation/counts';
import { type FieldError, invalid } from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

export const leaseStrategy: Strategy<Lease> = {
  resource: descriptorOf('coordination.k8s.io', 'v1', 'leases'),
  allowCreateOnUpdate: true,
  // Who writes a lease without having read it could take it from its holder.
  allowUnconditionalUpdate: false,
  defaults(draft) {
    draft.spec ??= {};
  },
  prepareCreate: dropGeneration,
  validate({ spec }) {
    const errors: FieldError[] = [];
    const seconds = spec.leaseDurationSeconds;
    if (seconds !== undefined && seconds <= 0) {
      errors.push(invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0'));
    }
    validateNonNegative(errors, spec.leaseTransitions, 'spec.leaseTransitions');
    return errors;
  },
};
