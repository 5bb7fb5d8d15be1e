/** May somebody, may I, may somebody here: the three reviews of access. Rules and texts are upstream's. */
import type { LocalSubjectAccessReview, SelfSubjectAccessReview, SubjectAccessReview } from '@slipway/api/types';
import { type FieldError, invalid, invalidError } from '@slipway/api/validation/field-error';
import type { AccessRequest, Authorizer } from '../authz/access-request.ts';
import type { UserInfo } from '../registry/strategy.ts';

type AccessSpec = SelfSubjectAccessReview['spec'];
type ResourceAttributes = NonNullable<AccessSpec['resourceAttributes']>;
type Requirement = NonNullable<NonNullable<ResourceAttributes['fieldSelector']>['requirements']>[number];

export function reviewOwnAccess(
  { spec = {} }: SelfSubjectAccessReview,
  user: UserInfo,
  authorizer: Authorizer,
): object {
  refuse('SelfSubjectAccessReview', attributeErrors(spec));
  return decide(authorizer, user, spec);
}

export function reviewAccess({ spec = {} }: SubjectAccessReview, authorizer: Authorizer): object {
  refuse('SubjectAccessReview', [...attributeErrors(spec), ...subjectErrors(spec)]);
  return decide(authorizer, subjectOf(spec), spec);
}

export function reviewLocalAccess(
  { spec = {} }: LocalSubjectAccessReview,
  namespace: string | undefined,
  authorizer: Authorizer,
): object {
  const asked = spec.resourceAttributes?.namespace;
  const elsewhere =
    spec.resourceAttributes && asked !== namespace
      ? [invalid('spec.resourceAttributes.namespace', asked ?? '', 'must match metadata.namespace')]
      : [];
  const ofPath = spec.nonResourceAttributes
    ? [invalid('spec.nonResourceAttributes', spec.nonResourceAttributes, 'disallowed on this kind of request')]
    : [];
  refuse('LocalSubjectAccessReview', [...attributeErrors(spec), ...subjectErrors(spec), ...elsewhere, ...ofPath]);
  return decide(authorizer, subjectOf(spec), spec);
}

function refuse(kind: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidError(kind, 'authorization.k8s.io', '', errors);
}

function attributeErrors({ resourceAttributes, nonResourceAttributes }: AccessSpec): FieldError[] {
  if (resourceAttributes && nonResourceAttributes) {
    const detail = 'cannot be specified in combination with resourceAttributes';
    return [invalid('spec.nonResourceAttributes', nonResourceAttributes, detail)];
  }
  if (!resourceAttributes && !nonResourceAttributes) {
    const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    return [invalid('spec.resourceAttributes', null, detail)];
  }
  const errors: FieldError[] = [];
  for (const name of ['fieldSelector', 'labelSelector'] as const) {
    const { rawSelector, requirements } = resourceAttributes?.[name] ?? {};
    const path = `spec.resourceAttributes.${name}`;
    if (rawSelector && requirements?.length) {
      errors.push(invalid(`${path}.rawSelector`, rawSelector, 'may not specified at the same time as requirements'));
    }
  }
  return errors;
}

function subjectErrors({ user, groups }: SubjectAccessReview['spec']): FieldError[] {
  if (user || groups?.length) return [];
  return [invalid('spec.user', user ?? '', 'at least one of user or group must be specified')];
}

function subjectOf({ user, groups, uid, extra }: SubjectAccessReview['spec']): UserInfo {
  return {
    name: user ?? '',
    groups: groups ?? [],
    ...(uid ? { uid } : {}),
    ...(extra ? { extra: lowerCased(extra) } : {}),
  };
}

function lowerCased(extra: Readonly<Record<string, readonly string[]>>): Record<string, readonly string[]> {
  return Object.fromEntries(Object.entries(extra).map(([key, values]) => [key.toLowerCase(), values]));
}

function decide(authorizer: Authorizer, user: UserInfo, spec: AccessSpec): object {
  const { allowed, reason } = authorizer.decide(accessOf(user, spec));
  return { allowed, ...(reason === undefined ? {} : { reason }) };
}

function accessOf(user: UserInfo, { resourceAttributes, nonResourceAttributes }: AccessSpec): AccessRequest {
  if (nonResourceAttributes) {
    return { kind: 'path', user, verb: nonResourceAttributes.verb ?? '', path: nonResourceAttributes.path ?? '' };
  }
  const { fieldSelector, ...asked }: ResourceAttributes = resourceAttributes ?? {};
  const { verb = '', group = '', version = '*', resource = '', subresource = '', namespace = '', name = '' } = asked;
  return {
    ...{ kind: 'resource', user, verb, group, version, resource, subresource, namespace, name },
    fieldSelector: fieldSelector?.rawSelector || selectorText(fieldSelector?.requirements ?? []),
  };
}

/** The ones with one value, as a request would write them. Leaving out others makes the question wider, which can only refuse more. */
function selectorText(requirements: readonly Requirement[]): string | undefined {
  const texts = requirements.flatMap(({ key, operator, values = [] }) => {
    const [value, ...more] = values;
    if (value === undefined || more.length > 0) return [];
    const sign = operator === 'In' ? '=' : operator === 'NotIn' ? '!=' : undefined;
    return sign === undefined ? [] : [`${key}${sign}${value.replaceAll(/[\\,=]/g, '\\$&')}`];
  });
  return texts.length > 0 ? texts.join(',') : undefined;
}
