import { qualifiedNameProblems } from '@slipway/api/names';
import type { Lease } from '@slipway/api/types';
import { validateNonNegative } from '@slipway/api/validation/counts';
import { type FieldError, forbidden, invalid, notSupported, pushInvalid } from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

const elections = ['OldestEmulationVersion'];

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
    const { strategy, preferredHolder } = spec;
    if (strategy !== undefined) validateElection(errors, strategy, 'spec.strategy');
    if (preferredHolder && !strategy) {
      errors.push(forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined'));
    }
    return errors;
  },
};

/** How the holder is chosen among candidates: a name of ours, or one of somebody else's with a domain before it. */
function validateElection(errors: FieldError[], strategy: string, path: string): void {
  // Upstream names the field twice.
  const at = `${path}.strategy`;
  if (strategy.includes('/')) pushInvalid(errors, at, strategy, qualifiedNameProblems(strategy));
  else if (!elections.includes(strategy)) errors.push(notSupported(at, strategy, elections));
}
