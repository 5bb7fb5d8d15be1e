/** Nobody gives away more than he has: a role may hold only what its writer may do, and so may what a binding refers to. */
import type { ClusterRole, KubeObject, PolicyRule, RoleBinding } from '@slipway/api/types';
import { mastersGroup } from '../../authz/authorizer.ts';
import { rulesCover } from '../../authz/rule-match.ts';
import { rbacGroup } from '../../authz/rbac.ts';
import { forbidden } from '../../registry/status-errors.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionRequest } from '../plugin.ts';

export const roleEscalation: AdmissionPlugin = {
  name: 'RoleEscalation',
  on: [{ operations: ['CREATE', 'UPDATE'], group: rbacGroup, resources: ['*'] }],

  validate({ draft, old, request }, deps) {
    if (!draft || request.user.groups.includes(mastersGroup)) return;
    const isBinding = request.api.resource.endsWith('bindings');
    if (isBinding) checkBinding(draft as RoleBinding, request, deps);
    else checkRole(draft as ClusterRole, old as ClusterRole | undefined, request, deps);
  },
};

function checkRole(
  role: ClusterRole,
  old: ClusterRole | undefined,
  request: AdmissionRequest,
  deps: AdmissionDeps,
): void {
  if (old && JSON.stringify(old.rules) === JSON.stringify(role.rules)) return;
  if (mayOn('escalate', request, request.api.resource, role.metadata.name ?? '', deps)) return;
  refuseUncovered(role.rules ?? [], role, request, deps);
}

function checkBinding(binding: RoleBinding, request: AdmissionRequest, deps: AdmissionDeps): void {
  const { kind, name } = binding.roleRef ?? {};
  const resource = kind === 'Role' ? 'roles' : 'clusterroles';
  if (mayOn('bind', request, resource, name ?? '', deps)) return;
  const role = deps.read(resource, rbacGroup, kind === 'Role' ? request.namespace : undefined, name ?? '');
  if (role) refuseUncovered((role as ClusterRole).rules ?? [], binding, request, deps);
}

function mayOn(
  verb: string,
  { user, namespace = '' }: AdmissionRequest,
  resource: string,
  name: string,
  deps: AdmissionDeps,
): boolean {
  return deps.may(user, verb, { group: rbacGroup, resource, namespace, name });
}

function refuseUncovered(
  rules: readonly PolicyRule[],
  object: KubeObject,
  request: AdmissionRequest,
  deps: AdmissionDeps,
): void {
  const { user, api, namespace } = request;
  const owned = deps.rulesFor(user, namespace);
  const missing = rules.filter((rule) => !rulesCover(owned, rule));
  if (missing.length === 0) return;
  const groups = JSON.stringify(user.groups);
  throw forbidden(
    api,
    object.metadata.name ?? '',
    `user ${JSON.stringify(user.name)} (groups=${groups}) is attempting to grant RBAC permissions not currently held:\n${missing.map(ruleText).join('\n')}`,
  );
}

function ruleText({ apiGroups, resources, verbs, nonResourceURLs }: PolicyRule): string {
  const list = (values: readonly string[]) => `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
  return nonResourceURLs?.length
    ? `{NonResourceURLs:${list(nonResourceURLs)}, Verbs:${list(verbs)}}`
    : `{APIGroups:${list(apiGroups ?? [])}, Resources:${list(resources ?? [])}, Verbs:${list(verbs)}}`;
}
