/** What the four RBAC kinds share. Whether a user may grant what is written here is for the authorizer to say. */
import { dnsSubdomainProblems, pathSegmentProblems } from '@slipway/api/names';
import type { PolicyRule, Subject, RoleRef } from '@slipway/api/types';
import { type FieldError, invalid, notSupported, pushInvalid, required } from '@slipway/api/validation/field-error';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';

export const rbacGroup = 'rbac.authorization.k8s.io';

export function validateRules(errors: FieldError[], rules: readonly PolicyRule[], isNamespaced: boolean): void {
  rules.forEach((rule, i) => {
    validateRule(errors, rule, `rules[${i}]`, isNamespaced);
  });
}

function validateRule(errors: FieldError[], rule: PolicyRule, path: string, isNamespaced: boolean): void {
  if (!rule.verbs?.length) errors.push(required(`${path}.verbs`, 'verbs must contain at least one value'));
  const { nonResourceURLs: urls = [] } = rule;
  if (urls.length > 0) {
    const at = `${path}.nonResourceURLs`;
    if (isNamespaced) errors.push(invalid(at, urls, 'namespaced rules cannot apply to non-resource URLs'));
    if (rule.apiGroups?.length || rule.resources?.length || rule.resourceNames?.length) {
      const detail = 'rules cannot apply to both regular resources and non-resource URLs';
      errors.push(invalid(at, urls, detail));
    }
    return;
  }
  if (!rule.apiGroups?.length) {
    errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
  }
  if (!rule.resources?.length) {
    errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
  }
}

interface Binding {
  roleRef: RoleRef;
  subjects?: Subject[];
}

export function defaultBinding(draft: Binding): void {
  draft.roleRef ??= {} as RoleRef;
  draft.roleRef.apiGroup ||= rbacGroup;
  for (const subject of draft.subjects ?? []) {
    if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= rbacGroup;
  }
}

export function validateBinding(
  errors: FieldError[],
  { roleRef, subjects = [] }: Binding,
  roleKinds: readonly string[],
  isNamespaced: boolean,
): void {
  const { apiGroup = '', kind = '', name = '' } = roleRef;
  if (apiGroup !== rbacGroup) errors.push(notSupported('roleRef.apiGroup', apiGroup, [rbacGroup]));
  if (!roleKinds.includes(kind)) errors.push(notSupported('roleRef.kind', kind, roleKinds));
  if (name === '') errors.push(required('roleRef.name'));
  else pushInvalid(errors, 'roleRef.name', name, pathSegmentProblems(name, false));
  subjects.forEach((subject, i) => {
    validateSubject(errors, subject, `subjects[${i}]`, isNamespaced);
  });
}

function validateSubject(errors: FieldError[], subject: Subject, path: string, isNamespaced: boolean): void {
  const { name = '', kind = '', apiGroup = '', namespace = '' } = subject;
  if (name === '') errors.push(required(`${path}.name`));
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '') pushInvalid(errors, `${path}.name`, name, dnsSubdomainProblems(name));
      if (apiGroup !== '') errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']));
      if (!isNamespaced && namespace === '') errors.push(required(`${path}.namespace`));
      return;
    case 'User':
    case 'Group':
      if (apiGroup !== rbacGroup) errors.push(notSupported(`${path}.apiGroup`, apiGroup, [rbacGroup]));
      return;
    default:
      errors.push(notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  }
}

/** Who may edit subjects must not be able to change what they may do. */
export function validateRoleRefUpdate(draft: Binding, old: Binding): FieldError[] {
  return semanticEqual(draft.roleRef, old.roleRef) ? [] : [invalid('roleRef', draft.roleRef, 'cannot change roleRef')];
}
