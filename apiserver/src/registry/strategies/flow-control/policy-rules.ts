/** Which requests a rule of a flow schema is about. */
import { dnsLabelProblems, dnsSubdomainProblems } from '@slipway/api/names';
import type { FlowcontrolV1Subject, FlowSchemaSpec } from '@slipway/api/types';
import {
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  pushInvalid,
  required,
} from '@slipway/api/validation/field-error';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];
const subjectFields = { Group: 'group', ServiceAccount: 'serviceAccount', User: 'user' } as const;

type Rule = NonNullable<FlowSchemaSpec['rules']>[number];

export function validatePolicyRule(errors: FieldError[], rule: Rule, path: string): void {
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
    validateResourceRule(errors, resourceRule, `${path}.resourceRules[${i}]`);
  });
  nonResourceRules.forEach((pathRule, i) => {
    const at = `${path}.nonResourceRules[${i}]`;
    validateVerbs(errors, pathRule.verbs ?? [], at);
    const urls = pathRule.nonResourceURLs ?? [];
    const urlsAt = `${at}.nonResourceURLs`;
    requireSome(errors, urls, urlsAt, 'nonResourceURLs must contain at least one value');
    if (aloneOrFree(errors, urls, urlsAt, 'non-resource URLs')) return;
    urls.forEach((url, j) => {
      const problem = pathProblem(url);
      if (problem !== undefined) errors.push(invalid(`${urlsAt}[${j}]`, url, problem));
    });
  });
}

type ResourceRule = NonNullable<Rule['resourceRules']>[number];

function validateResourceRule(errors: FieldError[], rule: ResourceRule, path: string): void {
  const { apiGroups = [], resources = [], namespaces = [], clusterScope } = rule;
  validateVerbs(errors, rule.verbs ?? [], path);
  requireSome(errors, apiGroups, `${path}.apiGroups`, 'resource rules must supply at least one api group');
  aloneOrFree(errors, apiGroups, `${path}.apiGroups`, 'api groups');
  requireSome(errors, resources, `${path}.resources`, 'resource rules must supply at least one resource');
  aloneOrFree(errors, resources, `${path}.resources`, 'resources');
  const at = `${path}.namespaces`;
  if (namespaces.length === 0 && !clusterScope) {
    errors.push(required(at, 'resource rules that are not cluster scoped must supply at least one namespace'));
  }
  if (aloneOrFree(errors, namespaces, at, 'namespaces')) return;
  namespaces.forEach((namespace, i) => {
    for (const problem of dnsLabelProblems(namespace)) {
      const detail = `each member of this list must be '*' or a DNS-1123 label; ${problem}`;
      errors.push(invalid(`${at}[${i}]`, namespace, detail));
    }
  });
}

/** Whether the list has the `*` that means everything: such a list has nothing else. */
function aloneOrFree(errors: FieldError[], list: readonly string[], path: string, others: string): boolean {
  if (!list.includes('*')) return false;
  if (list.length > 1) errors.push(invalid(path, list, `if '*' is present, must not specify other ${others}`));
  return true;
}

function pathProblem(path: string): string | undefined {
  if (path === '') return 'must not be empty';
  if (!path.startsWith('/')) return 'must start with slash';
  if (path.includes(' ')) return 'must not contain white-space';
  if (path.includes('//')) return 'must not contain double slash';
  const wildcard = path.indexOf('*');
  const isSuffix = wildcard === path.length - 1 && path.endsWith('/*');
  return wildcard === -1 || isSuffix ? undefined : 'wildcard can only do suffix matching';
}

function validateVerbs(errors: FieldError[], given: readonly string[], path: string): void {
  const at = `${path}.verbs`;
  requireSome(errors, given, at, 'verbs must contain at least one value');
  if (aloneOrFree(errors, given, at, 'verbs')) return;
  if (given.some((verb) => !verbs.includes(verb))) errors.push(notSupported(at, given, verbs));
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
    const at = `${path}.${field}`;
    const value = subject[field];
    if (name !== kind) {
      if (value) errors.push(forbidden(at, `${field} is forbidden when subject kind is not '${name}'`));
    } else if (!value) errors.push(required(at, `${field} is required when subject kind is '${name}'`));
    else validateSubjectName(errors, value, at, kind);
  }
}

function validateSubjectName(
  errors: FieldError[],
  { name = '', namespace = '' }: { readonly name?: string; readonly namespace?: string },
  path: string,
  kind: string,
): void {
  if (name === '') errors.push(required(`${path}.name`));
  if (kind !== 'ServiceAccount') return;
  if (name !== '' && name !== '*') pushInvalid(errors, `${path}.name`, name, dnsSubdomainProblems(name));
  if (namespace === '') errors.push(required(`${path}.namespace`, 'must specify namespace for service account'));
  else pushInvalid(errors, `${path}.namespace`, namespace, dnsLabelProblems(namespace));
}
