import type { PodDisruptionBudget } from '@slipway/api/types';
import { validateConditions } from '@slipway/api/validation/conditions';
import { validateNonNegative } from '@slipway/api/validation/counts';
import { type FieldError, invalid, notSupported } from '@slipway/api/validation/field-error';
import { validateAtMostAll, validateIntOrPercent } from '@slipway/api/validation/int-or-percent';
import { validateLabelSelector } from '@slipway/api/validation/label-selector';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';

const evictionPolicies = ['AlwaysAllow', 'IfHealthyBudget'];

export const podDisruptionBudgetStrategy: Strategy<PodDisruptionBudget> = {
  resource: descriptorOf('policy', 'v1', 'poddisruptionbudgets'),
  allowUnconditionalUpdate: false,
  defaults(draft) {
    draft.spec ??= {};
  },
  prepareCreate(draft) {
    draft.status = { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 };
    startGeneration(draft);
  },
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
    countGeneration(draft, old, draft.spec, old.spec);
  },
  validate({ spec }) {
    const errors: FieldError[] = [];
    const { minAvailable, maxUnavailable, unhealthyPodEvictionPolicy: policy } = spec;
    if (minAvailable !== undefined && maxUnavailable !== undefined) {
      errors.push(invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
    }
    for (const field of ['minAvailable', 'maxUnavailable'] as const) {
      const value = spec[field];
      if (value === undefined) continue;
      validateIntOrPercent(errors, value, `spec.${field}`);
      validateAtMostAll(errors, value, `spec.${field}`);
    }
    validateLabelSelector(errors, spec.selector, 'spec.selector');
    if (policy !== undefined && !evictionPolicies.includes(policy)) {
      errors.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, evictionPolicies));
    }
    return errors;
  },
  status: {
    validateUpdate({ status }) {
      const errors: FieldError[] = [];
      validateConditions(errors, status?.conditions, 'status.conditions');
      for (const field of ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const) {
        validateNonNegative(errors, status?.[field], `status.${field}`);
      }
      return errors;
    },
  },
};
