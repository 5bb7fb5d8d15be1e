/** Admission by expressions: policies, and the bindings that put them into force. */
import { dnsSubdomainProblems, qualifiedNameProblems } from '@slipway/api/names';
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingAdmissionPolicySpec,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicySpec,
} from '@slipway/api/types';
import {
  defaultMatchResources,
  failurePolicies,
  reinvocationPolicies,
  validateMatchConditions,
  validateMatchResources,
  validateParamKind,
  validateParamRef,
  validateVariables,
  validateWord,
} from '@slipway/api/validation/admission-rules';
import {
  type FieldError,
  duplicate,
  forbidden,
  invalid,
  notSupported,
  pushInvalid,
  required,
  tooMany,
} from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';

const group = 'admissionregistration.k8s.io';
const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];
const actions = ['Audit', 'Deny', 'Warn'];
const patchTypes = ['ApplyConfiguration', 'JSONPatch'];
const auditAnnotationsMax = 20;

type AnyPolicy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;
type AnyBinding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding;

/** What both kinds of policies have in common. */
const policyRules = {
  allowUnconditionalUpdate: false,
  defaults(draft: AnyPolicy): void {
    draft.spec ??= {};
    draft.spec.failurePolicy ??= 'Fail';
    if (draft.spec.matchConstraints) defaultMatchResources(draft.spec.matchConstraints);
  },
  prepareUpdate(draft: AnyPolicy, old: AnyPolicy): void {
    countGeneration(draft, old, draft.spec, old.spec);
  },
};

/** What both kinds of bindings have in common. */
const bindingRules = {
  allowUnconditionalUpdate: false,
  defaults(draft: AnyBinding): void {
    draft.spec ??= {};
    if (draft.spec.matchResources) defaultMatchResources(draft.spec.matchResources);
  },
  prepareCreate: startGeneration,
  prepareUpdate(draft: AnyBinding, old: AnyBinding): void {
    countGeneration(draft, old, draft.spec, old.spec);
  },
};

export const validatingAdmissionPolicyStrategy: Strategy<ValidatingAdmissionPolicy> = {
  resource: descriptorOf(group, 'v1', 'validatingadmissionpolicies'),
  ...policyRules,
  prepareCreate(draft) {
    draft.status = {};
    startGeneration(draft);
  },
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
    policyRules.prepareUpdate(draft, old);
  },
  validate({ spec }) {
    const errors: FieldError[] = [];
    validatePolicySpec(errors, spec);
    const { validations = [], auditAnnotations = [] } = spec;
    if (validations.length === 0 && auditAnnotations.length === 0) {
      const detail = 'validations or auditAnnotations must contain at least one item';
      errors.push(required('spec.validations', detail), required('spec.auditAnnotations', detail));
    }
    validations.forEach((validation, i) => {
      validateValidation(errors, validation, `spec.validations[${i}]`);
    });
    validateAuditAnnotations(errors, auditAnnotations, 'spec.auditAnnotations');
    return errors;
  },
};

export const mutatingAdmissionPolicyStrategy: Strategy<MutatingAdmissionPolicy> = {
  resource: descriptorOf(group, 'v1', 'mutatingadmissionpolicies'),
  ...policyRules,
  prepareCreate: startGeneration,
  validate({ spec }) {
    const errors: FieldError[] = [];
    validatePolicySpec(errors, spec);
    const { mutations = [], reinvocationPolicy = '' } = spec;
    if (mutations.length === 0) errors.push(required('spec.mutations', 'mutations must contain at least one item'));
    mutations.forEach((mutation, i) => {
      validateMutation(errors, mutation, `spec.mutations[${i}]`);
    });
    if (reinvocationPolicy === '') errors.push(required('spec.reinvocationPolicy'));
    else validateWord(errors, reinvocationPolicy, reinvocationPolicies, 'spec.reinvocationPolicy');
    return errors;
  },
};

export const validatingAdmissionPolicyBindingStrategy: Strategy<ValidatingAdmissionPolicyBinding> = {
  resource: descriptorOf(group, 'v1', 'validatingadmissionpolicybindings'),
  ...bindingRules,
  validate({ spec }) {
    const errors = bindingErrors(spec);
    validateActions(errors, spec.validationActions ?? [], 'spec.validationActions');
    return errors;
  },
};

export const mutatingAdmissionPolicyBindingStrategy: Strategy<MutatingAdmissionPolicyBinding> = {
  resource: descriptorOf(group, 'v1', 'mutatingadmissionpolicybindings'),
  ...bindingRules,
  validate: ({ spec }) => bindingErrors(spec),
};

function validatePolicySpec(
  errors: FieldError[],
  spec: ValidatingAdmissionPolicySpec | MutatingAdmissionPolicySpec,
): void {
  validateWord(errors, spec.failurePolicy, failurePolicies, 'spec.failurePolicy');
  if (spec.paramKind) validateParamKind(errors, spec.paramKind, 'spec.paramKind');
  const match = spec.matchConstraints;
  if (!match) errors.push(required('spec.matchConstraints'));
  else {
    validateMatchResources(errors, match, 'spec.matchConstraints');
    if (!match.resourceRules?.length) errors.push(required('spec.matchConstraints.resourceRules'));
  }
  validateMatchConditions(errors, spec.matchConditions, 'spec.matchConditions');
  validateVariables(errors, spec.variables, 'spec.variables');
}

function validateValidation(
  errors: FieldError[],
  validation: NonNullable<ValidatingAdmissionPolicySpec['validations']>[number],
  path: string,
): void {
  const { expression = '', message = '', messageExpression, reason } = validation;
  const text = expression.trim();
  if (text === '') errors.push(required(`${path}.expression`, 'expression is not specified'));
  if (messageExpression !== undefined && messageExpression !== '' && messageExpression.trim() === '') {
    errors.push(invalid(`${path}.messageExpression`, messageExpression, 'must be non-empty if specified'));
  }
  const shown = message.trim();
  if (message !== '' && shown === '') {
    errors.push(invalid(`${path}.message`, message, 'message must be non-empty if specified'));
  } else if (/[\r\n]/.test(shown)) {
    errors.push(invalid(`${path}.message`, message, 'message must not contain line breaks'));
  } else if (/[\r\n]/.test(text) && shown === '') {
    errors.push(required(`${path}.message`, 'message must be specified if expression contains line breaks'));
  }
  validateWord(errors, reason, reasons, `${path}.reason`);
}

function validateAuditAnnotations(
  errors: FieldError[],
  annotations: NonNullable<ValidatingAdmissionPolicySpec['auditAnnotations']>,
  path: string,
): void {
  if (annotations.length > auditAnnotationsMax) {
    errors.push(tooMany(path, annotations.length, auditAnnotationsMax));
  }
  annotations.forEach(({ key = '', valueExpression = '' }, i) => {
    const at = `${path}[${i}]`;
    if (key === '') errors.push(required(`${at}.key`));
    else pushInvalid(errors, `${at}.key`, key, qualifiedNameProblems(key));
    if (annotations.findIndex((other) => other.key === key) !== i) errors.push(duplicate(`${at}.key`, key));
    if (valueExpression.trim() === '') {
      errors.push(required(`${at}.valueExpression`, 'valueExpression is not specified'));
    }
  });
}

function validateMutation(
  errors: FieldError[],
  mutation: NonNullable<MutatingAdmissionPolicySpec['mutations']>[number],
  path: string,
): void {
  const { patchType = '', applyConfiguration, jsonPatch } = mutation;
  if (patchType === '') {
    errors.push(required(`${path}.patchType`));
    return;
  }
  if (!patchTypes.includes(patchType)) {
    errors.push(notSupported(`${path}.patchType`, patchType, patchTypes));
    return;
  }
  const isApply = patchType === 'ApplyConfiguration';
  const [own, ownField] = isApply ? [applyConfiguration, 'applyConfiguration'] : [jsonPatch, 'jsonPatch'];
  const [other, otherField] = isApply ? [jsonPatch, 'jsonPatch'] : [applyConfiguration, 'applyConfiguration'];
  if (other) {
    const detail = `${otherField} must not be set when patchType is ${patchType}`;
    errors.push(forbidden(`${path}.${otherField}`, detail));
  }
  if (!own) {
    errors.push(required(`${path}.${ownField}`, `must be specified when patchType is ${patchType}`));
  } else if ((own.expression ?? '').trim() === '') {
    errors.push(required(`${path}.${ownField}.expression`, 'expression is not specified'));
  }
}

interface BindingSpec {
  readonly policyName?: string;
  readonly paramRef?: Parameters<typeof validateParamRef>[1];
  readonly matchResources?: Parameters<typeof validateMatchResources>[1];
}

function bindingErrors({ policyName = '', paramRef, matchResources }: BindingSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (policyName === '') errors.push(required('spec.policyName'));
  else pushInvalid(errors, 'spec.policyName', policyName, dnsSubdomainProblems(policyName));
  if (paramRef) validateParamRef(errors, paramRef, 'spec.paramRef');
  if (matchResources) validateMatchResources(errors, matchResources, 'spec.matchResources');
  return errors;
}

function validateActions(errors: FieldError[], given: readonly string[], path: string): void {
  given.forEach((action, i) => {
    validateWord(errors, action, actions, `${path}[${i}]`);
    if (given.indexOf(action) !== i) errors.push(duplicate(`${path}[${i}]`, action));
  });
  if (given.includes('Deny') && given.includes('Warn')) {
    const detail =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
    errors.push(invalid(path, given, detail));
  }
  if (given.length === 0) errors.push(required(path, 'at least one validation action is required'));
}
