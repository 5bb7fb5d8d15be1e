/**
 * Who has which roles, and where: from a subject to the bindings that name it, by namespace, to the roles that those give. A change of one
 * role or binding changes its own entries and nothing else. A binding may come before its role: it then waits for it, and gives nothing.
 */
import type { ClusterRoleBinding, KubeObject, Role, RoleBinding, Subject } from '@slipway/api/types';
import type { UserInfo } from '../registry/strategy.ts';
import { RoleRules } from './role-rules.ts';

type Binding = ClusterRoleBinding | RoleBinding;

/** What one binding gives to one subject. */
export interface Grant {
  readonly binding: Binding;
  readonly subject: Subject;
  readonly role: RoleEntry;
}

/** Shared by all bindings that refer to the role. */
interface RoleEntry {
  rules: RoleRules;
  /** Bindings that refer to it; an entry without role and bindings is dropped. */
  uses: number;
  exists: boolean;
}

/** Grants by namespace; '' holds those for everywhere. */
type ByNamespace = Map<string, Grant[]>;

const noRules = new RoleRules([]);
const noGrants: readonly Grant[] = Object.freeze([]);

export class GrantIndex {
  readonly #roles = new Map<string, RoleEntry>();
  readonly #bySubject = new Map<string, ByNamespace>();
  /** By the key of the binding's object. */
  readonly #bindings = new Map<string, { readonly binding: Binding; readonly namespace: string }>();

  /** Of a role or cluster role: its namespace is empty. */
  putRole(role: KubeObject): void {
    const entry = this.#roleEntry(roleKey(role.metadata.namespace, role.metadata.name ?? ''));
    entry.rules = new RoleRules((role as Role).rules ?? []);
    entry.exists = true;
  }

  removeRole({ metadata }: KubeObject): void {
    const key = roleKey(metadata.namespace, metadata.name ?? '');
    const entry = this.#roleEntry(key);
    entry.rules = noRules;
    entry.exists = false;
    this.#dropUnused(key, entry);
  }

  putBinding(key: string, object: KubeObject): void {
    this.removeBinding(key);
    const binding = object as Binding;
    const namespace = binding.metadata.namespace ?? '';
    const role = this.#roleEntry(roleOf(binding));
    role.uses++;
    for (const subject of binding.subjects ?? []) {
      const grants = this.#grantsAt(subjectKey(subject, namespace), namespace);
      if (!grants.some((grant) => grant.binding === binding)) grants.push({ binding, subject, role });
    }
    this.#bindings.set(key, { binding, namespace });
  }

  removeBinding(key: string): void {
    const known = this.#bindings.get(key);
    if (!known) return;
    const { binding, namespace } = known;
    this.#bindings.delete(key);
    for (const subject of binding.subjects ?? []) this.#removeGrant(subjectKey(subject, namespace), namespace, binding);
    const role = roleOf(binding);
    const entry = this.#roleEntry(role);
    entry.uses--;
    this.#dropUnused(role, entry);
  }

  /** Those that hold everywhere first, then those of the namespace. */
  *grantsOf({ name, groups }: UserInfo, namespace: string | undefined): Generator<Grant> {
    yield* this.#grants(`user:${name}`, namespace);
    for (const group of groups) yield* this.#grants(`group:${group}`, namespace);
  }

  *#grants(subject: string, namespace: string | undefined): Generator<Grant> {
    const byNamespace = this.#bySubject.get(subject);
    if (!byNamespace) return;
    yield* byNamespace.get('') ?? noGrants;
    if (namespace) yield* byNamespace.get(namespace) ?? noGrants;
  }

  #grantsAt(subject: string, namespace: string): Grant[] {
    const byNamespace = this.#bySubject.get(subject) ?? new Map<string, Grant[]>();
    this.#bySubject.set(subject, byNamespace);
    const grants = byNamespace.get(namespace) ?? [];
    byNamespace.set(namespace, grants);
    return grants;
  }

  #removeGrant(subject: string, namespace: string, binding: Binding): void {
    const byNamespace = this.#bySubject.get(subject);
    const left = byNamespace?.get(namespace)?.filter((grant) => grant.binding !== binding) ?? [];
    if (left.length > 0) byNamespace?.set(namespace, left);
    else byNamespace?.delete(namespace);
    if (byNamespace?.size === 0) this.#bySubject.delete(subject);
  }

  #roleEntry(key: string): RoleEntry {
    const known = this.#roles.get(key);
    if (known) return known;
    const entry = { rules: noRules, uses: 0, exists: false };
    this.#roles.set(key, entry);
    return entry;
  }

  #dropUnused(key: string, { uses, exists }: RoleEntry): void {
    if (uses === 0 && !exists) this.#roles.delete(key);
  }
}

function roleKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

function roleOf({ roleRef, metadata }: Binding): string {
  return roleKey(roleRef.kind === 'Role' ? metadata.namespace : undefined, roleRef.name);
}

function subjectKey({ kind, name, namespace }: Subject, bindingNamespace: string): string {
  if (kind === 'Group') return `group:${name}`;
  return kind === 'User' ? `user:${name}` : `user:system:serviceaccount:${namespace || bindingNamespace}:${name}`;
}

/** Upstream's words; reviews and audits show them. */
export function grantText({ binding: { metadata, roleRef }, subject }: Grant): string {
  const { namespace } = metadata;
  const binding = namespace
    ? `RoleBinding ${JSON.stringify(`${metadata.name}/${namespace}`)}`
    : `ClusterRoleBinding ${JSON.stringify(metadata.name)}`;
  const name = subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace || namespace}` : subject.name;
  return `RBAC: allowed by ${binding} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subject.kind} ${JSON.stringify(name)}`;
}
