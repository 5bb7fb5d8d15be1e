import { dnsSubdomainProblems } from '@slipway/api/names';
import type { FlowSchema, FlowSchemaSpec } from '@slipway/api/types';
import { type FieldError, invalid, notSupported, pushInvalid, required } from '@slipway/api/validation/field-error';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';
import { validateFlowConditions } from './flow-conditions.ts';
import { exemptName, mandatorySchemas } from './mandatory.ts';
import { validatePolicyRule } from './policy-rules.ts';

const precedenceMax = 10_000;
const methods = ['ByNamespace', 'ByUser'];

/** Which requests belong to which priority level. Kept and shown; requests do not queue by them yet. */
export const flowSchemaStrategy: Strategy<FlowSchema> = {
  resource: descriptorOf('flowcontrol.apiserver.k8s.io', 'v1', 'flowschemas'),
  defaults(draft) {
    draft.spec ??= {} as FlowSchemaSpec;
    draft.spec.matchingPrecedence ||= 1000;
  },
  prepareCreate(draft) {
    draft.status = {};
    startGeneration(draft);
  },
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
    countGeneration(draft, old, draft.spec, old.spec);
  },
  validate({ metadata, spec }) {
    const errors: FieldError[] = [];
    const { matchingPrecedence: precedence = 0, distinguisherMethod: method } = spec;
    const at = 'spec.matchingPrecedence';
    if (precedence <= 0) errors.push(invalid(at, precedence, 'must be a positive value'));
    if (precedence > precedenceMax) {
      errors.push(invalid(at, precedence, `must not be greater than ${precedenceMax}`));
    }
    if (precedence === 1 && metadata.name !== exemptName) {
      const detail = `only the schema named '${exemptName}' may have matchingPrecedence 1`;
      errors.push(invalid(at, precedence, detail));
    }
    if (method && !methods.includes(method.type)) {
      errors.push(notSupported('spec.distinguisherMethod.type', method, methods));
    }
    const level = spec.priorityLevelConfiguration?.name ?? '';
    const levelAt = 'spec.priorityLevelConfiguration.name';
    if (level === '') errors.push(required(levelAt, 'must reference a priority level'));
    else pushInvalid(errors, levelAt, level, dnsSubdomainProblems(level));
    spec.rules?.forEach((rule, i) => {
      validatePolicyRule(errors, rule, `spec.rules[${i}]`);
    });
    const fixed = mandatorySchemas.get(metadata.name ?? '');
    if (fixed && !semanticEqual(spec, fixed)) {
      errors.push(invalid('spec', spec, `spec of '${metadata.name}' must equal the fixed value`));
    }
    return errors;
  },
  status: {
    validateUpdate({ status }) {
      const errors: FieldError[] = [];
      validateFlowConditions(errors, status?.conditions, 'status.conditions');
      return errors;
    },
  },
};
