/** What the cache holds of one resource: its objects in key order, its newest changes, and who listens to them. */
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { type ChangeEvent, type Revision, StorageError } from '../backend.ts';
import { namespacePrefixOf, rangeOfPrefix } from '../keys.ts';
import type { ListResult, StoredObject, StoreEvent, Subscription } from '../object-store.ts';
import { deletedFrom } from '../stored-object.ts';
import { type CacheEvent, History } from './history.ts';
import { SortedEntries } from './sorted-entries.ts';

export interface Window {
  /** The resource's prefix or one of its namespaces. */
  readonly prefix: string;
  /** Keys strictly after this one. */
  readonly afterKey: string | undefined;
  /** 0 = all. */
  readonly limit: number;
}

/** A subscription, with how far it has been told. */
export interface Listener {
  readonly prefix: string;
  readonly subscription: Subscription;
  told: Revision;
}

export class ResourceCache {
  readonly prefix: string;
  readonly #log: Logger;
  readonly #objects = new SortedEntries<StoredObject>();
  readonly #history: History;
  /** By the prefix that they asked for: the resource or one of its namespaces. */
  readonly #listeners = new Map<string, Set<Listener>>();
  /** Changes that are applied but not told yet, by prefix with listeners. */
  #untold = new Map<string, StoreEvent[]>();
  /** The whole list, kept until the next change: listing again costs nothing, and callers may key work on it. */
  #all: readonly StoredObject[] | undefined;

  constructor(prefix: string, revision: Revision, log: Logger) {
    this.prefix = prefix;
    this.#history = new History(revision);
    this.#log = log;
  }

  get reachesBackTo(): Revision {
    return this.#history.reachesBackTo;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** Fills the cache at start; not a change. */
  load(stored: StoredObject): void {
    this.#objects.set(stored.key, stored);
    this.#all = undefined;
  }

  /** Applies one change. Listeners are told by `tell`. */
  apply(event: ChangeEvent, store: () => StoredObject): void {
    const before = this.#objects.get(event.key);
    if (before && before.modRevision >= event.modRevision) return;
    if (event.type === 'delete' && !before) return;
    const change = event.type === 'put' ? this.#put(store(), before) : this.#delete(event, before as StoredObject);
    this.#all = undefined;
    this.#history.push(change);
    this.#queue(this.prefix, change);
    const namespace = namespacePrefixOf(event.key, this.prefix);
    if (namespace !== undefined) this.#queue(namespace, change);
  }

  #put(current: StoredObject, before: StoredObject | undefined): CacheEvent {
    this.#objects.set(current.key, current);
    return { key: current.key, revision: current.modRevision, current, previous: before, before };
  }

  #delete({ key, modRevision, cause }: ChangeEvent, before: StoredObject): CacheEvent {
    this.#objects.delete(key);
    const previous = deletedFrom(before, modRevision, cause);
    return { key, revision: modRevision, current: undefined, previous, before };
  }

  #queue(prefix: string, change: CacheEvent): void {
    if (!this.#listeners.has(prefix)) return;
    const untold = this.#untold.get(prefix);
    if (untold) untold.push(change);
    else this.#untold.set(prefix, [change]);
  }

  /** Tells the listeners what was applied since the last time: one array for all listeners of a prefix. */
  tell(revision: Revision): void {
    const untold = this.#untold;
    if (untold.size === 0) return;
    this.#untold = new Map();
    for (const [prefix, events] of untold) {
      for (const listener of [...(this.#listeners.get(prefix) ?? [])]) this.#tellOne(listener, events, revision);
    }
  }

  #tellOne(listener: Listener, events: readonly StoreEvent[], revision: Revision): void {
    const first = events[0];
    // Asked for changes after a revision that the cache had not reached yet.
    const news = first && first.revision <= listener.told ? events.filter((e) => e.revision > listener.told) : events;
    if (listener.told < revision) listener.told = revision;
    if (news.length === 0) return;
    try {
      listener.subscription.onEvents(news);
    } catch (error) {
      this.#log.error({ err: error, prefix: listener.prefix }, 'subscriber failed');
      this.end(listener, error);
    }
  }

  /** Joins the live changes, told first what happened after `after`; the history must reach back that far. */
  listen(listener: Listener, revision: Revision): void {
    const missed = this.#history.after(listener.told).filter(({ key }) => key.startsWith(listener.prefix));
    const listeners = this.#listeners.get(listener.prefix);
    if (listeners) listeners.add(listener);
    else this.#listeners.set(listener.prefix, new Set([listener]));
    if (missed.length > 0) this.#tellOne(listener, missed, revision);
    else if (listener.told < revision) {
      listener.told = revision;
      listener.subscription.onProgress?.(revision);
    }
  }

  leave(listener: Listener): boolean {
    const listeners = this.#listeners.get(listener.prefix);
    if (!listeners?.delete(listener)) return false;
    if (listeners.size === 0) this.#listeners.delete(listener.prefix);
    return true;
  }

  /** Ends one listener, if it still listens. */
  end(listener: Listener, error?: unknown): void {
    if (!this.leave(listener)) return;
    try {
      listener.subscription.onEnd(error);
    } catch (failure) {
      this.#log.error({ prefix: listener.prefix, reason: messageOf(failure) }, 'subscriber failed at its end');
    }
  }

  endAll(error?: unknown): void {
    for (const listener of [...this.listeners()]) this.end(listener, error);
  }

  *listeners(): Generator<Listener> {
    for (const listeners of this.#listeners.values()) yield* listeners;
  }

  /**
   * Takes over a list that was read anew because the changes in between are lost. Listeners end when they missed
   * something: they begin again with a list of their own.
   */
  replace(objects: readonly StoredObject[], revision: Revision): void {
    const isSame =
      objects.length === this.#objects.size &&
      objects.every(({ key, modRevision }) => this.#objects.get(key)?.modRevision === modRevision);
    if (isSame) return;
    const keys = new Set(objects.map(({ key }) => key));
    for (const { key } of [...this.#objects.values()]) if (!keys.has(key)) this.#objects.delete(key);
    for (const stored of objects) this.load(stored);
    this.#all = undefined;
    this.#untold.clear();
    this.#history.reset(revision);
    this.endAll(new StorageError('compacted', `the changes up to revision ${revision} are lost to compaction`));
  }

  list(window: Window, revision: Revision): ListResult {
    const { from, to } = rangeOfWindow(window);
    const { limit } = window;
    const isWhole = window.afterKey === undefined && window.prefix === this.prefix;
    if (isWhole && (limit === 0 || limit >= this.#objects.size)) {
      this.#all ??= this.#objects.slice(from, to, 0);
      return { revision, items: this.#all, remaining: 0 };
    }
    const items = this.#objects.slice(from, to, limit);
    const last = items.at(-1);
    const remaining = limit > 0 && last ? this.#objects.count(keyAfter(last.key), to) : 0;
    return { revision, items, remaining };
  }

  /** The list as it was at a revision that the history reaches: today's, with the changes since taken back. */
  listAt(window: Window, at: Revision): ListResult {
    const { from, to } = rangeOfWindow(window);
    const undone = new Map<string, StoredObject | undefined>();
    for (const { key, before } of this.#history.after(at)) {
      if (key >= from && key < to && !undone.has(key)) undone.set(key, before);
    }
    if (undone.size === 0) return this.list(window, at);
    const back = [...undone].filter(([, before]) => before !== undefined).sort(byKey) as [string, StoredObject][];
    const gone = [...undone.keys()].filter((key) => this.#objects.get(key) !== undefined).length;
    const total = this.#objects.count(from, to) - gone + back.length;
    const items: StoredObject[] = [];
    for (const stored of merged(this.#objects.entries(from, to), undone, back)) {
      if (window.limit > 0 && items.length === window.limit) break;
      items.push(stored);
    }
    return { revision: at, items, remaining: total - items.length };
  }
}

function* merged(
  current: Iterable<[string, StoredObject]>,
  undone: ReadonlyMap<string, unknown>,
  back: readonly [string, StoredObject][],
): Generator<StoredObject> {
  let next = 0;
  for (const [key, stored] of current) {
    for (let entry = back[next]; entry && entry[0] <= key; entry = back[++next]) yield entry[1];
    if (!undone.has(key)) yield stored;
  }
  for (; next < back.length; next++) yield (back[next] as [string, StoredObject])[1];
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}

function rangeOfWindow({ prefix, afterKey }: Window): { from: string; to: string } {
  const { from, to } = rangeOfPrefix(prefix);
  return { from: afterKey === undefined ? from : keyAfter(afterKey), to };
}

/** The smallest key above a key. */
function keyAfter(key: string): string {
  return `${key}\0`;
}
