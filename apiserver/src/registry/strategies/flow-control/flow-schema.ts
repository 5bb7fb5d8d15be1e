import { dnsSubdomainProblems } from '@slipway/api/names';
import type { FlowcontrolV1Subject, FlowSchema, FlowSchemaSpec } from '@slipway/api/types';
import {
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  pushInvalid,
  required,
} from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';

const precedenceMax = 10_000;
/** The one schema that is looked at before all others. */
const exemptName = 'exempt';
const methods = ['ByNamespace', 'ByUser'];
const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];
const subjectFields = { Group: 'group', ServiceAccount: 'serviceAccount', User: 'user' } as const;

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
      errors.push(notSupported('spec.distinguisherMethod', method, methods));
    }
    const level = spec.priorityLevelConfiguration?.name ?? '';
    const levelAt = 'spec.priorityLevelConfiguration.name';
    if (level === '') errors.push(required(levelAt, 'must reference a priority level'));
    else pushInvalid(errors, levelAt, level, dnsSubdomainProblems(level));
    spec.rules?.forEach((rule, i) => {
      validateRule(errors, rule, `spec.rules[${i}]`);
    });
    return errors;
  },
};

type Rule = NonNullable<FlowSchemaSpec['rules']>[number];

function validateRule(errors: FieldError[], rule: Rule, path: string): void {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule;
  if (subjects.length === 0) {
    errors.push(required(`${path}.subjects`, 'subjects must contain at least one value'));
  }
  subjects.forEach((subject, i) => {
    validateSubject(errors, subject, `${path}.subjects[${i}]`);
  });
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    errors.push(required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty'));
  }
  resourceRules.forEach((resourceRule, i) => {
    const at = `${path}.resourceRules[${i}]`;
    const { apiGroups = [], resources = [], namespaces = [], clusterScope } = resourceRule;
    validateVerbs(errors, resourceRule.verbs ?? [], at);
    requireSome(errors, apiGroups, `${at}.apiGroups`, 'resource rules must supply at least one api group');
    requireSome(errors, resources, `${at}.resources`, 'resource rules must supply at least one resource');
    if (namespaces.length === 0 && !clusterScope) {
      const detail = 'resource rules that are not cluster scoped must supply at least one namespace';
      errors.push(required(`${at}.namespaces`, detail));
    }
  });
  nonResourceRules.forEach((pathRule, i) => {
    const at = `${path}.nonResourceRules[${i}]`;
    validateVerbs(errors, pathRule.verbs ?? [], at);
    const urls = pathRule.nonResourceURLs ?? [];
    requireSome(errors, urls, `${at}.nonResourceURLs`, 'nonResourceURLs must contain at least one value');
  });
}

function validateVerbs(errors: FieldError[], given: readonly string[], path: string): void {
  const at = `${path}.verbs`;
  requireSome(errors, given, at, 'verbs must contain at least one value');
  if (given.includes('*')) {
    if (given.length > 1) errors.push(invalid(at, given, "if '*' is present, must not specify other verbs"));
    return;
  }
  const isUnknown = given.some((verb) => !verbs.includes(verb.toLowerCase()));
  if (isUnknown) errors.push(notSupported(at, given, verbs));
}

function requireSome(errors: FieldError[], list: readonly string[], path: string, detail: string): void {
  if (list.length === 0) errors.push(required(path, detail));
}

function validateSubject(errors: FieldError[], subject: FlowcontrolV1Subject, path: string): void {
  const kinds = Object.keys(subjectFields);
  const { kind = '' } = subject;
  if (!kinds.includes(kind)) {
    errors.push(notSupported(`${path}.kind`, kind, kinds));
    return;
  }
  for (const [name, field] of Object.entries(subjectFields)) {
    const isOwn = name === kind;
    const detail = isOwn
      ? `${field} is required when subject kind is '${name}'`
      : `${field} is forbidden when subject kind is not '${name}'`;
    if (isOwn && !subject[field]) errors.push(required(`${path}.${field}`, detail));
    if (!isOwn && subject[field]) errors.push(forbidden(`${path}.${field}`, detail));
  }
}
