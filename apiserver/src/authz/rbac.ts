/**
 * Roles and bindings. Their index is built from the watch cache when the first request asks, and follows each change from then on;
 * decisions are remembered until something changes. A request therefore costs one look-up, and an idle server nothing.
 */
import type { PolicyRule } from '@slipway/api/types';
import { resourcePrefix } from '../registry/resource-context.ts';
import type { UserInfo } from '../registry/strategy.ts';
import type { ObjectStore, StoredObject } from '../storage/object-store.ts';
import { type AccessRequest, type Authorizer, type Decision, noOpinion } from './access-request.ts';
import { GrantIndex, grantText } from './grant-index.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';

interface Followed {
  readonly prefix: string;
  put(index: GrantIndex, stored: StoredObject): void;
  remove(index: GrantIndex, stored: StoredObject): void;
}

const followed = (resource: string, of: 'role' | 'binding'): Followed => ({
  prefix: resourcePrefix({ group: rbacGroup, resource }),
  put: (index, { key, object }) => (of === 'role' ? index.putRole(object) : index.putBinding(key, object)),
  remove: (index, { key, object }) => (of === 'role' ? index.removeRole(object) : index.removeBinding(key)),
});

const resources: readonly Followed[] = [
  followed('clusterroles', 'role'),
  followed('roles', 'role'),
  followed('clusterrolebindings', 'binding'),
  followed('rolebindings', 'binding'),
];

/** Decisions remembered between two changes; past it the memory is emptied, which costs only time. */
const decisionsMax = 20_000;

export class RbacAuthorizer implements Authorizer {
  readonly #objects: ObjectStore;
  readonly #stops: readonly (() => void)[];
  readonly #decisions = new Map<string, Decision>();
  #index: GrantIndex | undefined;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
    this.#stops = resources.map(({ prefix, put, remove }) =>
      objects.subscribe(prefix, undefined, {
        onEvents: (events) => {
          this.#decisions.clear();
          const index = this.#index;
          if (!index) return;
          for (const { current, previous } of events) {
            if (current) put(index, current);
            else if (previous) remove(index, previous);
          }
        },
        onEnd: () => {
          this.#decisions.clear();
          this.#index = undefined;
        },
      }),
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
    return Array.from(this.#grants().grantsOf(user, namespace)).flatMap(({ role }) => role.rules.all);
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #evaluate(request: AccessRequest): Decision {
    const namespace = request.kind === 'resource' ? request.namespace : '';
    for (const grant of this.#grants().grantsOf(request.user, namespace)) {
      if (grant.role.rules.allows(request)) return { allowed: true, reason: grantText(grant) };
    }
    return noOpinion;
  }

  #grants(): GrantIndex {
    if (this.#index) return this.#index;
    const index = new GrantIndex();
    for (const { prefix, put } of resources) {
      for (const stored of this.#objects.cachedList(prefix)) put(index, stored);
    }
    this.#index = index;
    return index;
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
