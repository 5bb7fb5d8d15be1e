import { pathSegmentProblems } from '@slipway/api/names';
import type { Role } from '@slipway/api/types';
import type { FieldError } from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';
import { rbacGroup, validateRules } from './rbac-rules.ts';

export const roleStrategy: Strategy<Role> = {
  resource: descriptorOf(rbacGroup, 'v1', 'roles'),
  validateName: pathSegmentProblems,
  allowCreateOnUpdate: true,
  defaults(draft) {
    draft.rules ??= [];
  },
  prepareCreate: dropGeneration,
  validate(draft) {
    const errors: FieldError[] = [];
    validateRules(errors, draft.rules ?? [], true);
    return errors;
  },
};
