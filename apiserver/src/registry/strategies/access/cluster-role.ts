import { pathSegmentProblems } from '@slipway/api/names';
import type { ClusterRole } from '@slipway/api/types';
import { type FieldError, required } from '@slipway/api/validation/field-error';
import { validateLabelSelector } from '@slipway/api/validation/label-selector';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';
import { rbacGroup, validateRules } from './rbac-rules.ts';

export const clusterRoleStrategy: Strategy<ClusterRole> = {
  resource: descriptorOf(rbacGroup, 'v1', 'clusterroles'),
  validateName: pathSegmentProblems,
  allowCreateOnUpdate: true,
  defaults(draft) {
    draft.rules ??= [];
  },
  prepareCreate: dropGeneration,
  validate(draft) {
    const errors: FieldError[] = [];
    validateRules(errors, draft.rules ?? [], false);
    if (draft.aggregationRule) validateAggregation(errors, draft.aggregationRule);
    return errors;
  },
};

type AggregationRule = NonNullable<ClusterRole['aggregationRule']>;

function validateAggregation(errors: FieldError[], { clusterRoleSelectors: selectors = [] }: AggregationRule): void {
  const path = 'aggregationRule.clusterRoleSelectors';
  if (selectors.length === 0) {
    errors.push(required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil'));
  }
  selectors.forEach((selector, i) => {
    validateLabelSelector(errors, selector, `${path}[${i}]`);
  });
}
