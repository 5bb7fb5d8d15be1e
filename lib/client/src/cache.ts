/**
 * A read-only view of all objects of one kind, kept current by a watcher. One writer, many readers.
 *
 * - Objects are frozen and shared: a reader never changes them, and two readings may give the same object.
 * - `resourceVersion` is the point in the store's history up to which the cache is complete. It only grows, so
 *   "my write is visible here" is a comparison of numbers.
 * - A change is applied to all indexes before any listener hears of it; a relist is one change set.
 */
import type { KubeObject } from '@slipway/api/types';
import { invariant } from '@slipway/kit/invariant';
import { keyOf, type ObjectKey } from './kinds.ts';

/** One object that came (`before` undefined), changed, or went (`after` undefined). */
export interface Change<T extends KubeObject = KubeObject> {
  readonly key: ObjectKey;
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** Names the values under which an object is found. The function is pure and is called once per version. */
export type IndexFunction<T extends KubeObject = KubeObject> = (object: T) => readonly string[];

export interface CacheReader<T extends KubeObject = KubeObject> {
  /** True once the first list is in. Before, everything reads as empty. */
  readonly isSynced: boolean;
  readonly resourceVersion: bigint;
  readonly size: number;
  get(key: ObjectKey): T | undefined;
  list(): readonly T[];
  inNamespace(namespace: string): readonly T[];
  /** Objects with an owner reference to this uid, controlling or not. */
  ownedBy(ownerUid: string): readonly T[];
  /** Objects that the named index files under `value`. Reading an index that was never added is a mistake. */
  byIndex(index: string, value: string): readonly T[];
  /** Hears every change set in order. Returns how to stop. A listener must not throw. */
  subscribe(listener: (changes: readonly Change<T>[]) => void): () => void;
  /** Calls `fire` once, as soon as `satisfied` holds: at once, or after a later change or bookmark. Returns cancel. */
  when(satisfied: () => boolean, fire: () => void): () => void;
}

const namespaceIndex = 'namespace';
const ownerIndex = 'owner';

/** Index name → value → key → object. */
type Index<T> = Map<string, Map<ObjectKey, T>>;

export class ObjectCache<T extends KubeObject = KubeObject> implements CacheReader<T> {
  readonly #objects = new Map<ObjectKey, T>();
  readonly #functions = new Map<string, IndexFunction<T>>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #listeners = new Set<(changes: readonly Change<T>[]) => void>();
  readonly #waiting = new Set<{ readonly satisfied: () => boolean; readonly fire: () => void }>();
  #resourceVersion = 0n;
  #synced = false;

  constructor(indexes: Readonly<Record<string, IndexFunction<T>>> = {}) {
    this.addIndex(namespaceIndex, (object) => (object.metadata.namespace ? [object.metadata.namespace] : []));
    this.addIndex(ownerIndex, (object) => object.metadata.ownerReferences?.map((owner) => owner.uid) ?? []);
    for (const [name, values] of Object.entries(indexes)) this.addIndex(name, values);
  }

  get isSynced(): boolean {
    return this.#synced;
  }

  get resourceVersion(): bigint {
    return this.#resourceVersion;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  inNamespace(namespace: string): readonly T[] {
    return this.byIndex(namespaceIndex, namespace);
  }

  ownedBy(ownerUid: string): readonly T[] {
    return this.byIndex(ownerIndex, ownerUid);
  }

  byIndex(index: string, value: string): readonly T[] {
    const filed = this.#indexes.get(index);
    invariant(filed, `no index ${index} in this cache`);
    const found = filed.get(value);
    return found ? [...found.values()] : [];
  }

  subscribe(listener: (changes: readonly Change<T>[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  when(satisfied: () => boolean, fire: () => void): () => void {
    if (satisfied()) {
      fire();
      return () => {};
    }
    const waiting = { satisfied, fire };
    this.#waiting.add(waiting);
    return () => void this.#waiting.delete(waiting);
  }

  /** Adds an index, also over what is in the cache already. An index of the same name stays as it is. */
  addIndex(name: string, values: IndexFunction<T>): void {
    if (this.#functions.has(name)) return;
    this.#functions.set(name, values);
    const index: Index<T> = new Map();
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) fileUnder(index, values(object), key, object);
  }

  /** Writer only. Swaps the whole content for a complete list; listeners hear the difference as one change set. */
  replace(objects: readonly T[], resourceVersion: bigint): void {
    const next = new Map(objects.map((object) => [keyOf(object), object]));
    const changes: Change<T>[] = [];
    for (const [key, before] of this.#objects) {
      if (!next.has(key)) changes.push({ key, before, after: undefined });
    }
    for (const [key, after] of next) {
      const before = this.#objects.get(key);
      if (
        before?.metadata.resourceVersion !== after.metadata.resourceVersion ||
        before?.metadata.uid !== after.metadata.uid
      )
        changes.push({ key, before, after });
    }
    this.#synced = true;
    this.#commit(changes, resourceVersion);
  }

  /** Writer only. Applies objects that came, changed or went, in order, and the version they bring the cache to. */
  apply(updates: readonly { readonly object: T; readonly gone: boolean }[], resourceVersion: bigint): void {
    const changes: Change<T>[] = [];
    const pending = new Map<ObjectKey, T | undefined>();
    for (const { object, gone } of updates) {
      const key = keyOf(object);
      const before = pending.has(key) ? pending.get(key) : this.#objects.get(key);
      if (gone && !before) continue;
      const after = gone ? undefined : object;
      // The last state of a deleted object says more than the one we had: it has the deletion timestamp.
      changes.push({ key, before: gone ? object : before, after });
      pending.set(key, after);
    }
    this.#commit(changes, resourceVersion);
  }

  #commit(changes: readonly Change<T>[], resourceVersion: bigint): void {
    for (const { key, after } of changes) this.#put(key, this.#objects.get(key), after);
    if (resourceVersion > this.#resourceVersion) this.#resourceVersion = resourceVersion;
    if (changes.length > 0) for (const listener of this.#listeners) listener(changes);
    for (const waiting of this.#waiting) {
      if (!waiting.satisfied()) continue;
      this.#waiting.delete(waiting);
      waiting.fire();
    }
  }

  #put(key: ObjectKey, before: T | undefined, after: T | undefined): void {
    if (after) this.#objects.set(key, after);
    else this.#objects.delete(key);
    for (const [name, values] of this.#functions) {
      const index = this.#indexes.get(name);
      if (!index) continue;
      if (before) removeFrom(index, values(before), key);
      if (after) fileUnder(index, values(after), key, after);
    }
  }
}

function fileUnder<T>(index: Index<T>, values: readonly string[], key: ObjectKey, object: T): void {
  for (const value of values) {
    const filed = index.get(value);
    if (filed) filed.set(key, object);
    else index.set(value, new Map([[key, object]]));
  }
}

function removeFrom<T>(index: Index<T>, values: readonly string[], key: ObjectKey): void {
  for (const value of values) {
    const filed = index.get(value);
    filed?.delete(key);
    if (filed?.size === 0) index.delete(value);
  }
}
