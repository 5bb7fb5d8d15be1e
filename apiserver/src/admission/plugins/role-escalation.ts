/** Nobody gives away more than he has: a role may hold only what its writer may do, and so may what a binding refers to. */
import type { ClusterRole, KubeObject, PolicyRule, RoleBinding } from '@slipway/api/types';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import { mastersGroup } from '../../authz/authorizer.ts';
import { rightsMax, rightsNotHeld } from '../../authz/rule-match.ts';
import { rbacGroup } from '../../authz/rbac.ts';
import { forbidden, notFound } from '../../registry/status-errors.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionRequest } from '../plugin.ts';

export const roleEscalation: AdmissionPlugin = {
  name: 'RoleEscalation',
  on: [{ operations: ['CREATE', 'UPDATE'], group: rbacGroup, resources: ['*'] }],

  validate({ draft, old, request }, deps) {
    if (!draft || request.user.groups.includes(mastersGroup)) return;
    if (old && changesOwnershipOnly(draft, old)) return;
    const isBinding = request.api.resource.endsWith('bindings');
    if (isBinding) checkBinding(draft as RoleBinding, request, deps);
    else checkRole(draft as ClusterRole, old as ClusterRole | undefined, request, deps);
  },
};

/** The garbage collector must be able to let go of what it may not grant. */
function changesOwnershipOnly(draft: KubeObject, old: KubeObject): boolean {
  const rest = ({ metadata, ...content }: KubeObject) => {
    const { ownerReferences: _, finalizers: __, resourceVersion: ___, managedFields: ____, ...kept } = metadata;
    return { ...content, metadata: kept };
  };
  return semanticEqual(rest(draft), rest(old));
}

const everything: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

function checkRole(
  role: ClusterRole,
  old: ClusterRole | undefined,
  request: AdmissionRequest,
  deps: AdmissionDeps,
): void {
  if (mayOn('escalate', request, request.api.resource, request.name ?? '', deps)) return;
  refuseUncovered(role.rules ?? [], role, request, deps);
  // An aggregation rule can gather anything, so only who may do everything may set or change one.
  if (!role.aggregationRule && !old?.aggregationRule) return;
  if (rightsNotHeld(deps.rulesFor(request.user, request.namespace), everything).length === 0) return;
  const reason = 'must have cluster-admin privileges to use an aggregationRule';
  throw forbidden(request.api, role.metadata.name ?? '', reason);
}

function checkBinding(binding: RoleBinding, request: AdmissionRequest, deps: AdmissionDeps): void {
  const { kind, name = '' } = binding.roleRef ?? {};
  const resource = kind === 'Role' ? 'roles' : 'clusterroles';
  if (mayOn('bind', request, resource, name, deps)) return;
  const role = deps.read(resource, rbacGroup, kind === 'Role' ? request.namespace : undefined, name);
  if (!role) throw notFound({ group: rbacGroup, resource }, name);
  refuseUncovered((role as ClusterRole).rules ?? [], binding, request, deps);
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
  const missing = rightsNotHeld(deps.rulesFor(user, namespace), rules);
  if (missing === 'too many') {
    const reason = `the rules stand for more than ${rightsMax} rights, too many to compare with those of user ${JSON.stringify(user.name)}`;
    throw forbidden(api, object.metadata.name ?? '', reason);
  }
  if (missing.length === 0) return;
  const listed = [...new Set(missing.map(ruleText))].sort().join('\n');
  throw forbidden(
    api,
    object.metadata.name ?? '',
    `user ${JSON.stringify(user.name)} (groups=${listText(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${listed}`,
  );
}

function ruleText({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }: PolicyRule): string {
  const parts = Object.entries({
    APIGroups: apiGroups,
    Resources: resources,
    NonResourceURLs: nonResourceURLs,
    ResourceNames: resourceNames,
    Verbs: verbs,
  });
  const shown = parts
    .filter(([, values]) => values?.length)
    .map(([part, values]) => `${part}:${listText(values ?? [])}`);
  return `{${shown.join(', ')}}`;
}

function listText(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
}
