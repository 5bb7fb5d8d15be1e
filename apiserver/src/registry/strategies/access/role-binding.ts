import { pathSegmentProblems } from '@slipway/api/names';
import type { RoleBinding } from '@slipway/api/types';
import type { FieldError } from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';
import { defaultBinding, rbacGroup, validateBinding, validateRoleRefUpdate } from './rbac-rules.ts';

export const roleBindingStrategy: Strategy<RoleBinding> = {
  resource: descriptorOf(rbacGroup, 'v1', 'rolebindings'),
  validateName: pathSegmentProblems,
  allowCreateOnUpdate: true,
  defaults: defaultBinding,
  prepareCreate: dropGeneration,
  validate(draft) {
    const errors: FieldError[] = [];
    validateBinding(errors, draft, ['Role', 'ClusterRole'], true);
    return errors;
  },
  validateUpdate: validateRoleRefUpdate,
};
