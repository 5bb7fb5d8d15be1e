/** The roles and bindings that every cluster begins with, as objects. What they hold stands in the tables beside this file. */
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding, RoleRef, Subject } from '@slipway/api/types';
import { aggregatedRules } from '@slipway/api/rbac/aggregated-rules';
import { componentRoles } from './component-roles.ts';
import { controllerRoles, ownControllerRoles } from './controller-roles.ts';
import { namespaceRoles } from './namespace-roles.ts';
import type { Rules } from './policy-rule.ts';
import { aggregatedRoles, userRoles } from './user-roles.ts';

const group = 'rbac.authorization.k8s.io';
const apiVersion = `${group}/v1`;
export const autoUpdateAnnotation = 'rbac.authorization.kubernetes.io/autoupdate';

type AnyRole = ClusterRole | Role;
type AnyBinding = ClusterRoleBinding | RoleBinding;

export function bootstrapRoles(): readonly AnyRole[] {
  const plain = { ...userRoles, ...componentRoles };
  const parts = Object.entries(aggregatedRoles).map(([name, rules]) =>
    clusterRole(`system:aggregate-to-${name}`, rules, { [aggregationLabel(name)]: 'true' }),
  );
  return [
    ...Object.entries(plain).map(([name, rules]) => clusterRole(name, rules)),
    ...parts,
    ...aggregating(parts),
    ...Object.entries(controllerRoles).map(([name, rules]) => clusterRole(`system:controller:${name}`, rules)),
    ...Object.entries(ownControllerRoles).map(([name, rules]) => clusterRole(`slipway:controller:${name}`, rules)),
    ...namespaceRoles.map(({ namespace, name, rules }) => ({
      kind: 'Role',
      apiVersion,
      metadata: { ...systemMetadata(name), namespace },
      rules: copied(rules),
    })),
  ];
}

/** Everything that `edit` may do `admin` may too, and so on down: the labels of the collecting roles say so. */
function aggregating(parts: readonly ClusterRole[]): ClusterRole[] {
  const collected: ClusterRole[] = [];
  for (const [name, above] of [['view', 'edit'], ['edit', 'admin'], ['admin']]) {
    const role = clusterRole(name ?? '', [], above ? { [aggregationLabel(above)]: 'true' } : {});
    role.aggregationRule = { clusterRoleSelectors: [{ matchLabels: { [aggregationLabel(name ?? '')]: 'true' } }] };
    // A controller keeps them so; until it runs the roles would be empty.
    role.rules = [...aggregatedRules(role, [...parts, ...collected])];
    collected.push(role);
  }
  return collected;
}

function aggregationLabel(role: string): string {
  return `rbac.authorization.k8s.io/aggregate-to-${role}`;
}

export function bootstrapBindings(): readonly AnyBinding[] {
  return [
    ...Object.entries(clusterRoleSubjects).map(([name, subjects]) =>
      clusterRoleBinding(
        name,
        subjects.map((text) => subjectFrom(text)),
      ),
    ),
    ...Object.keys(controllerRoles).map((name) =>
      clusterRoleBinding(`system:controller:${name}`, [subjectFrom(`sa:${name}`)]),
    ),
    ...Object.keys(ownControllerRoles).map((name) =>
      clusterRoleBinding(`slipway:controller:${name}`, [subjectFrom(`sa:${name}`)]),
    ),
    ...Object.entries(joiningRoles).map(([name, { role, group: members }]) => {
      return { ...clusterRoleBinding(name, [subjectFrom(`group:${members}`)]), roleRef: roleRef('ClusterRole', role) };
    }),
    ...namespaceRoles.map(({ namespace, name, bindingName = name, subjects }) => ({
      kind: 'RoleBinding',
      apiVersion,
      metadata: { ...systemMetadata(bindingName), namespace },
      roleRef: roleRef('Role', name),
      subjects: subjects.map((text) => subjectFrom(text)),
    })),
  ];
}

/** Name of binding and role alike, and who gets it: users by name, groups by `group:NAME`, service accounts of kube-system by `sa:NAME`. */
const clusterRoleSubjects: Readonly<Record<string, readonly string[]>> = {
  'cluster-admin': ['group:system:masters'],
  'system:basic-user': ['group:system:authenticated'],
  'system:discovery': ['group:system:authenticated'],
  'system:public-info-viewer': ['group:system:authenticated', 'group:system:unauthenticated'],
  'system:monitoring': ['group:system:monitoring'],
  'system:service-account-issuer-discovery': ['group:system:serviceaccounts'],
  // Nobody: agents are judged by the node authoriser, which looks at what their pods refer to.
  'system:node': [],
  'system:node-proxier': ['system:kube-proxy'],
  'system:kube-controller-manager': ['system:kube-controller-manager'],
  'system:kube-dns': ['sa:kube-dns'],
  'system:kube-scheduler': ['system:kube-scheduler'],
  'system:volume-scheduler': ['system:kube-scheduler'],
};

/** With a bootstrap token a machine may become a node, and a node may renew its own certificate: what installers of upstream bind. */
const joiningRoles: Readonly<Record<string, { readonly role: string; readonly group: string }>> = {
  'slipway:node-bootstrapper': { role: 'system:node-bootstrapper', group: 'system:bootstrappers' },
  'slipway:node-autoapprove-bootstrap': {
    role: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    group: 'system:bootstrappers',
  },
  'slipway:node-autoapprove-certificate-rotation': {
    role: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    group: 'system:nodes',
  },
};

function clusterRole(name: string, rules: Rules, labels: Readonly<Record<string, string>> = {}): ClusterRole {
  return { kind: 'ClusterRole', apiVersion, metadata: systemMetadata(name, labels), rules: copied(rules) };
}

function clusterRoleBinding(name: string, subjects: readonly Subject[]): ClusterRoleBinding {
  return {
    kind: 'ClusterRoleBinding',
    apiVersion,
    metadata: systemMetadata(name),
    roleRef: roleRef('ClusterRole', name),
    ...(subjects.length > 0 ? { subjects: [...subjects] } : {}),
  };
}

function roleRef(kind: string, name: string): RoleRef {
  return { apiGroup: group, kind, name };
}

function subjectFrom(text: string): Subject {
  if (text.startsWith('sa:')) return { kind: 'ServiceAccount', name: text.slice(3), namespace: 'kube-system' };
  if (text.startsWith('group:')) return { apiGroup: group, kind: 'Group', name: text.slice(6) };
  return { apiGroup: group, kind: 'User', name: text };
}

function systemMetadata(name: string, labels: Readonly<Record<string, string>> = {}) {
  return {
    name,
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
    annotations: { [autoUpdateAnnotation]: 'true' },
  };
}

function copied(rules: Rules) {
  return structuredClone(rules) as ClusterRole['rules'] & object;
}
