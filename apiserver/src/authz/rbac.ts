/**
 * Roles and bindings, indexed by subject. The index is built from the watch cache when somebody asks after a change of one of the four
 * kinds; decisions are remembered until then. A request therefore costs one look-up, and an idle server nothing.
 */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from '@slipway/api/types';
import type { ObjectStore } from '../storage/object-store.ts';
import { resourcePrefix } from '../registry/resource-context.ts';
import type { UserInfo } from '../registry/strategy.ts';
import { type AccessRequest, type Authorizer, type Decision, noOpinion } from './access-request.ts';
import { ruleAllows } from './rule-match.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';

const prefixes = {
  roles: resourcePrefix({ group: rbacGroup, resource: 'roles' }),
  clusterRoles: resourcePrefix({ group: rbacGroup, resource: 'clusterroles' }),
  roleBindings: resourcePrefix({ group: rbacGroup, resource: 'rolebindings' }),
  clusterRoleBindings: resourcePrefix({ group: rbacGroup, resource: 'clusterrolebindings' }),
} as const;

/** Decisions remembered between two changes; past it the memory is emptied, which costs only time. */
const decisionsMax = 20_000;

/** What one binding gives to a subject. */
interface Grant {
  /** Undefined = everywhere. */
  readonly namespace: string | undefined;
  readonly rules: readonly PolicyRule[];
  readonly reason: string;
}

export class RbacAuthorizer implements Authorizer {
  readonly #objects: ObjectStore;
  readonly #stops: readonly (() => void)[];
  readonly #decisions = new Map<string, Decision>();
  #grants: ReadonlyMap<string, readonly Grant[]> | undefined;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
    this.#stops = Object.values(prefixes).map((prefix) =>
      objects.subscribe(prefix, undefined, { onEvents: () => this.#forget(), onEnd: () => this.#forget() }),
    );
  }

  decide(request: AccessRequest): Decision {
    const key = decisionKey(request);
    const known = this.#decisions.get(key);
    if (known) return known;
    const decision = this.#evaluate(request);
    if (this.#decisions.size >= decisionsMax) this.#decisions.clear();
    this.#decisions.set(key, decision);
    return decision;
  }

  /** Everything that the user may do in the namespace (undefined: only what holds everywhere). */
  rulesFor(user: UserInfo, namespace: string | undefined): PolicyRule[] {
    return this.#grantsOf(user)
      .filter((grant) => grant.namespace === undefined || grant.namespace === namespace)
      .flatMap((grant) => grant.rules);
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #forget(): void {
    this.#grants = undefined;
    this.#decisions.clear();
  }

  #evaluate(request: AccessRequest): Decision {
    const namespace = request.kind === 'resource' ? request.namespace : '';
    for (const grant of this.#grantsOf(request.user)) {
      if (grant.namespace !== undefined && (grant.namespace !== namespace || request.kind === 'path')) continue;
      if (grant.rules.some((rule) => ruleAllows(rule, request))) return { allowed: true, reason: grant.reason };
    }
    return noOpinion;
  }

  #grantsOf(user: UserInfo): Grant[] {
    this.#grants ??= indexGrants(this.#objects);
    const grants = this.#grants;
    return [`user:${user.name}`, ...user.groups.map((group) => `group:${group}`)].flatMap(
      (key) => grants.get(key) ?? [],
    );
  }
}

function decisionKey(request: AccessRequest): string {
  const { user, verb } = request;
  const who = `${userKey(user)}\n\n${verb}\n`;
  if (request.kind === 'path') return who + request.path;
  return `${who}${request.group}\n${request.resource}\n${request.subresource}\n${request.namespace}\n${request.name}`;
}

/** Who authenticates by token or in process is the same object from request to request. */
const userKeys = new WeakMap<UserInfo, string>();

function userKey(user: UserInfo): string {
  const known = userKeys.get(user);
  if (known !== undefined) return known;
  const key = [user.name, ...user.groups].join('\n');
  userKeys.set(user, key);
  return key;
}

function indexGrants(objects: ObjectStore): ReadonlyMap<string, readonly Grant[]> {
  const all = <T>(prefix: string) => Array.from(objects.cachedList(prefix), ({ object }) => object as unknown as T);
  const clusterRoles = new Map(all<ClusterRole>(prefixes.clusterRoles).map((role) => [role.metadata.name ?? '', role]));
  const roles = new Map(
    all<Role>(prefixes.roles).map((role) => [`${role.metadata.namespace}/${role.metadata.name}`, role]),
  );
  const index = new Map<string, Grant[]>();
  const add = (binding: ClusterRoleBinding | RoleBinding, namespace: string | undefined) => {
    const { kind, name } = binding.roleRef;
    const role = kind === 'ClusterRole' ? clusterRoles.get(name) : roles.get(`${namespace}/${name}`);
    if (!role?.rules) return;
    const grant = { namespace, rules: role.rules, reason: reasonOf(binding, namespace) };
    for (const key of subjectKeys(binding, namespace)) {
      const grants = index.get(key);
      if (grants) grants.push(grant);
      else index.set(key, [grant]);
    }
  };
  for (const binding of all<ClusterRoleBinding>(prefixes.clusterRoleBindings)) add(binding, undefined);
  for (const binding of all<RoleBinding>(prefixes.roleBindings)) add(binding, binding.metadata.namespace);
  return index;
}

function subjectKeys(binding: ClusterRoleBinding | RoleBinding, namespace: string | undefined): string[] {
  return (binding.subjects ?? []).flatMap((subject) => {
    switch (subject.kind) {
      case 'User':
        return [`user:${subject.name}`];
      case 'Group':
        return [`group:${subject.name}`];
      case 'ServiceAccount':
        return [`user:system:serviceaccount:${subject.namespace || namespace}:${subject.name}`];
      default:
        return [];
    }
  });
}

/** As upstream words it; `kubectl auth can-i -v` and audits show it. */
function reasonOf(
  { metadata, roleRef, subjects }: ClusterRoleBinding | RoleBinding,
  namespace: string | undefined,
): string {
  const binding =
    namespace === undefined
      ? `ClusterRoleBinding ${JSON.stringify(metadata.name)}`
      : `RoleBinding ${JSON.stringify(`${metadata.name}/${namespace}`)}`;
  const subject = subjects?.[0];
  const to = subject ? ` to ${subject.kind} ${JSON.stringify(subject.name)}` : '';
  return `RBAC: allowed by ${binding} of ${roleRef.kind} ${JSON.stringify(roleRef.name)}${to}`;
}
