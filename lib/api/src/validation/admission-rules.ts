/** What the kinds that take part in admission share: which requests they are about, and under which conditions. */
import { dns1035LabelProblems, dnsSubdomainProblems, pathSegmentProblems, qualifiedNameProblems } from '../names.ts';
import { parseApiVersion } from '../resources.ts';
import type { MatchCondition, MatchResources, ParamKind, ParamRef, RuleWithOperations } from '../types.ts';
import {
  type FieldError,
  duplicate,
  forbidden,
  invalid,
  notSupported,
  pushInvalid,
  required,
  tooMany,
} from './field-error.ts';
import { validateLabelSelector } from './label-selector.ts';

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const scopes = ['*', 'Cluster', 'Namespaced'];
export const failurePolicies = ['Fail', 'Ignore'];
export const matchPolicies = ['Equivalent', 'Exact'];
export const reinvocationPolicies = ['IfNeeded', 'Never'];
/** More conditions than this would cost every request of a kind too much. */
const conditionsMax = 64;

/** A field that has to be one of a few words, when it is there.  */
export function validateWord(
  errors: FieldError[],
  word: string | undefined,
  supported: readonly string[],
  path: string,
): void {
  if (word !== undefined && !supported.includes(word)) errors.push(notSupported(path, word, supported));
}

export function validateRule(errors: FieldError[], rule: RuleWithOperations, path: string): void {
  const { operations: given = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  if (given.length === 0) errors.push(required(`${path}.operations`));
  refuseMixedWildcard(errors, given, `${path}.operations`, 'operations');
  given.forEach((operation, i) => {
    validateWord(errors, operation, operations, `${path}.operations[${i}]`);
  });
  if (apiGroups.length === 0) errors.push(required(`${path}.apiGroups`));
  refuseMixedWildcard(errors, apiGroups, `${path}.apiGroups`, 'API groups');
  if (apiVersions.length === 0) errors.push(required(`${path}.apiVersions`));
  refuseMixedWildcard(errors, apiVersions, `${path}.apiVersions`, 'API versions');
  apiVersions.forEach((version, i) => {
    if (version === '') errors.push(required(`${path}.apiVersions[${i}]`));
  });
  validateResources(errors, resources, `${path}.resources`);
  validateWord(errors, scope, scopes, `${path}.scope`);
}

function refuseMixedWildcard(errors: FieldError[], words: readonly string[], path: string, what: string): void {
  if (words.length < 2 || !words.includes('*')) return;
  errors.push(invalid(path, words, `if '*' is present, must not specify other ${what}`));
}

// `pods`, `pods/status`, `pods/*`, `*/scale`, `*`, or `*/*` for everything.
function validateResources(errors: FieldError[], resources: readonly string[], path: string): void {
  if (resources.length === 0) errors.push(required(path));
  const wholeResources = new Set<string>();
  const wholeSubresources = new Set<string>();
  resources.forEach((text, i) => {
    if (text === '') errors.push(required(`${path}[${i}]`));
    const slash = text.indexOf('/');
    if (slash === -1) return;
    const [resource, subresource] = [text.slice(0, slash), text.slice(slash + 1)];
    if (wholeResources.has(resource)) {
      errors.push(invalid(`${path}[${i}]`, text, `if '${resource}/*' is present, must not specify ${text}`));
    }
    if (wholeSubresources.has(subresource)) {
      errors.push(invalid(`${path}[${i}]`, text, `if '*/${subresource}' is present, must not specify ${text}`));
    }
    if (subresource === '*') wholeResources.add(resource);
    if (resource === '*') wholeSubresources.add(subresource);
  });
  if (resources.length > 1 && resources.includes('*/*')) {
    errors.push(invalid(path, resources, "if '*/*' is present, must not specify other resources"));
  }
  if (resources.includes('*') && resources.some((text) => text !== '*' && !text.includes('/'))) {
    const detail = "if '*' is present, must not specify other resources without subresources";
    errors.push(invalid(path, resources, detail));
  }
}

/** Names and presence; whether an expression compiles is for those who run it. */
export function validateMatchConditions(
  errors: FieldError[],
  conditions: readonly MatchCondition[] = [],
  path: string,
): void {
  if (conditions.length > conditionsMax) errors.push(tooMany(path, conditions.length, conditionsMax));
  const names = new Set<string>();
  conditions.forEach(({ name = '', expression = '' }, i) => {
    if (expression.trim() === '') errors.push(required(`${path}[${i}].expression`));
    const at = `${path}[${i}].name`;
    if (name === '') errors.push(required(at));
    else pushInvalid(errors, at, name, qualifiedNameProblems(name));
    if (name !== '' && names.has(name)) errors.push(duplicate(at, name));
    names.add(name);
  });
}

export function validateMatchResources(errors: FieldError[], match: MatchResources, path: string): void {
  if (!match.namespaceSelector) errors.push(required(`${path}.namespaceSelector`));
  validateLabelSelector(errors, match.namespaceSelector, `${path}.namespaceSelector`);
  if (!match.objectSelector) errors.push(required(`${path}.objectSelector`));
  validateLabelSelector(errors, match.objectSelector, `${path}.objectSelector`);
  for (const field of ['resourceRules', 'excludeResourceRules'] as const) {
    match[field]?.forEach((rule, i) => {
      const at = `${path}.${field}[${i}]`;
      rule.resourceNames?.forEach((name, j, names) => {
        pushInvalid(errors, `${at}.resourceNames[${j}]`, name, pathSegmentProblems(name, false));
        if (names.indexOf(name) !== j) errors.push(duplicate(`${at}.resourceNames[${j}]`, name));
      });
      validateRule(errors, rule, at);
    });
  }
  validateWord(errors, match.matchPolicy, matchPolicies, `${path}.matchPolicy`);
}

/** What selects by labels selects everything unless it says otherwise; other versions of a resource are meant too. */
export function defaultMatchResources(match: MatchResources): void {
  match.matchPolicy ||= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) rule.scope ??= '*';
}

export function validateParamKind(errors: FieldError[], { apiVersion = '', kind = '' }: ParamKind, path: string): void {
  if (apiVersion === '') errors.push(required(`${path}.apiVersion`));
  else {
    const { group, version } = parseApiVersion(apiVersion);
    const ofGroup = group === '' ? [] : dnsSubdomainProblems(group);
    if (ofGroup.length > 0) errors.push(invalid(`${path}.apiVersion`, group, ofGroup.join(',')));
    const ofVersion = dns1035LabelProblems(version);
    if (ofVersion.length > 0) errors.push(invalid(`${path}.apiVersion`, version, ofVersion.join(',')));
  }
  if (kind === '') errors.push(required(`${path}.kind`));
  else {
    const problems = dns1035LabelProblems(kind.toLowerCase());
    const detail = `may have mixed case, but should otherwise match: ${problems.join(',')}`;
    if (problems.length > 0) errors.push(invalid(`${path}.kind`, kind, detail));
  }
}

export function validateParamRef(errors: FieldError[], reference: ParamRef, path: string): void {
  const { name = '', selector, parameterNotFoundAction: action = '' } = reference;
  const exclusive = 'name and selector are mutually exclusive';
  if (name !== '') {
    pushInvalid(errors, `${path}.name`, name, pathSegmentProblems(name, false));
    if (selector) errors.push(forbidden(`${path}.name`, exclusive));
  }
  if (selector) {
    validateLabelSelector(errors, selector, `${path}.selector`);
    if (name !== '') errors.push(forbidden(`${path}.selector`, exclusive));
  }
  if (name === '' && !selector) errors.push(required(path, 'one of name or selector must be specified'));
  const at = `${path}.parameterNotFoundAction`;
  if (action === '') errors.push(required(at));
  else if (action !== 'Allow' && action !== 'Deny') errors.push(notSupported(at, action, ['Deny', 'Allow']));
}

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;
const reserved = new Set(
  'as break const continue else false for function if import in let loop namespace null package return true var void while'.split(
    ' ',
  ),
);

/** Variables that expressions share. */
export function validateVariables(
  errors: FieldError[],
  variables: readonly { readonly name?: string; readonly expression?: string }[] = [],
  path: string,
): void {
  const names = new Set<string>();
  variables.forEach(({ name = '', expression = '' }, i) => {
    const at = `${path}[${i}]`;
    if (name.trim() === '') errors.push(required(`${at}.name`, 'name is not specified'));
    else if (!identifier.test(name) || reserved.has(name)) {
      errors.push(invalid(`${at}.name`, name, 'name is not a valid CEL identifier'));
    }
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (expression.trim() === '') errors.push(required(`${at}.expression`, 'expression is not specified'));
  });
}
