/**
 * The graph of owners and dependents over the shared caches of all collected kinds. It has no state of its own but the
 * uids that are known to be gone: edges are the caches' owner indexes, nodes are the caches' objects.
 *
 * A cache may be behind, so an owner that it does not show is not yet an absent owner: only one whose deletion was
 * seen here, or that the server says it does not have.
 */
import { isStatus } from '@slipway/api/status-error';
import type { KubeObject, OwnerReference } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import type { Client } from '@slipway/client/client';
import { type Kind, keyFrom, keyOf, kindId, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { isLeavingInForeground, type Located, type ObservedNode, type OwnerState } from './plan.ts';

/** Deleted owners that are remembered; one that was forgotten is asked of the server again. */
const absentMax = 4096;

export class Ownership {
  readonly #kinds: Map<string, Kind>;
  readonly #byApiKind: Map<string, Kind>;
  readonly #absent = new Set<string>();

  constructor(kinds: readonly Kind[]) {
    this.#kinds = new Map(kinds.map((kind) => [kindId(kind), kind]));
    this.#byApiKind = new Map(kinds.map((kind) => [`${kind.group}/${kind.kind}`, kind]));
  }

  /** A kind that came while others are watched already. */
  add(kind: Kind): void {
    this.#kinds.set(kindId(kind), kind);
    this.#byApiKind.set(`${kind.group}/${kind.kind}`, kind);
  }

  remove(kind: Kind): void {
    this.#kinds.delete(kindId(kind));
    this.#byApiKind.delete(`${kind.group}/${kind.kind}`);
  }

  /** Keys of objects that say they are owned by objects of the kind: as long as it was unknown, nobody asked whether their owners exist. */
  keysOwnedBy(owner: Kind, caches: Caches): ObjectKey[] {
    return [...this.#kinds.values()].flatMap((kind) =>
      caches
        .list(kind)
        .filter(({ metadata }) => metadata.ownerReferences?.some((ref) => this.#kindOf(ref) === owner))
        .map((object) => nodeKey({ kind, object })),
    );
  }

  /** Keys to look at after a change: the object, those that wait for it, those that it leaves behind. */
  keysAfter(kind: Kind, { key, before, after }: Change, caches: Caches): ObjectKey[] {
    if (!after) {
      this.#remember(before?.metadata.uid);
      return [
        ...this.#dependentsOf(before, caches).map(nodeKey),
        ...this.#waitingOwnersOf(before, caches).map(nodeKey),
      ];
    }
    const keys: ObjectKey[] = [];
    if (this.#needsLook(after, caches)) keys.push(nodeKey({ kind, object: after }, key));
    // The finalizer has just come: the dependents are to go first.
    if (isLeavingInForeground(after) && !(before && isLeavingInForeground(before))) {
      keys.push(...this.#dependentsOf(after, caches).map(nodeKey));
    }
    if (before && before.metadata.ownerReferences !== after.metadata.ownerReferences) {
      keys.push(...this.#waitingOwnersOf(before, caches).map(nodeKey));
    }
    return keys;
  }

  /** Everything that the plan needs; asks the server for owners that the caches do not show. */
  async observe(
    key: ObjectKey,
    caches: Caches,
    client: Client,
    signal: AbortSignal,
  ): Promise<ObservedNode | undefined> {
    const found = this.#find(key, caches);
    if (!found) return undefined;
    const { metadata } = found.object;
    const owners = [];
    for (const ref of metadata.deletionTimestamp ? [] : (metadata.ownerReferences ?? [])) {
      owners.push({ ref, state: await this.#stateOf(ref, found, caches, client, signal) });
    }
    return { ...found, owners, dependents: this.#dependentsOf(found.object, caches) };
  }

  #find(key: ObjectKey, caches: Caches): Located | undefined {
    const bar = key.indexOf('|');
    const kind = this.#kinds.get(key.slice(0, bar));
    const object = kind && caches.get(kind, key.slice(bar + 1));
    return kind && object && { kind, object };
  }

  #needsLook(object: KubeObject, caches: Caches): boolean {
    const { deletionTimestamp, finalizers, ownerReferences } = object.metadata;
    if (deletionTimestamp) return (finalizers?.length ?? 0) > 0;
    return ownerReferences?.some((ref) => this.#cachedState(ref, object, caches) !== 'solid') ?? false;
  }

  async #stateOf(
    ref: OwnerReference,
    { object }: Located,
    caches: Caches,
    client: Client,
    signal: AbortSignal,
  ): Promise<OwnerState> {
    const cached = this.#cachedState(ref, object, caches);
    if (cached !== 'unknown') return cached;
    const kind = this.#kindOf(ref);
    if (!kind) return 'solid';
    try {
      const owner = await client.get(kind, ownerRefOf(kind, ref, object), { signal });
      if (owner.metadata.uid !== ref.uid) return this.#remember(ref.uid);
      return isLeavingInForeground(owner) ? 'waiting' : 'solid';
    } catch (error) {
      if (isStatus(error, 'NotFound')) return this.#remember(ref.uid);
      throw error;
    }
  }

  /** An owner of a kind that we do not know, or of a namespaced kind above a cluster-scoped object, is left alone. */
  #cachedState(ref: OwnerReference, object: KubeObject, caches: Caches): OwnerState | 'unknown' {
    if (this.#absent.has(ref.uid)) return 'absent';
    const kind = this.#kindOf(ref);
    if (!kind || (kind.namespaced && !object.metadata.namespace)) return 'solid';
    const owner = caches.get(kind, keyFrom(ownerRefOf(kind, ref, object)));
    if (owner?.metadata.uid !== ref.uid) return 'unknown';
    return isLeavingInForeground(owner) ? 'waiting' : 'solid';
  }

  #kindOf({ apiVersion, kind }: OwnerReference): Kind | undefined {
    const slash = apiVersion.indexOf('/');
    return this.#byApiKind.get(`${slash === -1 ? '' : apiVersion.slice(0, slash)}/${kind}`);
  }

  #dependentsOf(owner: KubeObject | undefined, caches: Caches): Located[] {
    const uid = owner?.metadata.uid;
    if (!uid) return [];
    return [...this.#kinds.values()].flatMap((kind) => caches.ownedBy(kind, uid).map((object) => ({ kind, object })));
  }

  #waitingOwnersOf(object: KubeObject | undefined, caches: Caches): Located[] {
    return (object?.metadata.ownerReferences ?? []).flatMap((ref) => {
      const kind = this.#kindOf(ref);
      const owner = kind && object && caches.get(kind, keyFrom(ownerRefOf(kind, ref, object)));
      return kind && owner?.metadata.deletionTimestamp ? [{ kind, object: owner }] : [];
    });
  }

  #remember(uid: string | undefined): 'absent' {
    if (uid) this.#absent.add(uid);
    if (this.#absent.size > absentMax) {
      for (const oldest of this.#absent) {
        this.#absent.delete(oldest);
        break;
      }
    }
    return 'absent';
  }
}

function ownerRefOf(kind: Kind, ref: OwnerReference, dependent: KubeObject) {
  return { namespace: kind.namespaced ? dependent.metadata.namespace : undefined, name: ref.name };
}

/** `deployments.apps|shop/web`. */
function nodeKey({ kind, object }: Located, key: unknown = undefined): ObjectKey {
  return `${kindId(kind)}|${typeof key === 'string' ? key : keyOf(object)}`;
}
