/** The object store over any backend: writes go to the backend, reads and watches are served by the watch cache. */
import type { KubeObject } from '@slipway/api/types';
import { raceAbort } from '@slipway/kit/abort';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import { type Backend, type ChangeEvent, type Entry, type Revision, StorageError } from './backend.ts';
import { rangeOfPrefix } from './keys.ts';
import type {
  ListOptions,
  ListResult,
  ObjectStore,
  ObjectWrite,
  ObjectWriteOptions,
  StoredObject,
  Subscription,
} from './object-store.ts';
import { SharedProbe } from './shared-probe.ts';
import { deletedFrom, encodeObject, isUnchanged, storedFrom } from './stored-object.ts';
import { olderChanges } from './watch-cache/older-history.ts';
import type { Listener, Window } from './watch-cache/resource-cache.ts';
import { WatchCache } from './watch-cache/watch-cache.ts';

export interface ObjectStoreDeps {
  /** Stays open when the object store is closed; whoever opened it closes it. */
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts the load; once the store is there, `close` ends it. */
  readonly signal: AbortSignal;
}

/** How long a read waits for a revision that the cache has not seen; upstream's figure. */
const reachTimeoutMs = 3_000;

/** Any key will do to ask the backend for its revision. */
const probeKey = '/registry/';

/** Loads all objects, then resolves. Throws `StorageError` when the backend cannot be read. */
export async function createObjectStore(deps: ObjectStoreDeps): Promise<ObjectStore> {
  const store = new CachedObjectStore(deps);
  await store.start(deps.signal);
  return store;
}

/** What this process wrote, until the cache has seen it. */
interface Written {
  readonly value: Uint8Array;
  readonly object: KubeObject;
  stored: StoredObject | undefined;
}

class CachedObjectStore implements ObjectStore {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #cache: WatchCache;
  readonly #probe: SharedProbe<Revision>;
  readonly #written = new Map<string, Set<Written>>();
  readonly #end = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor({ backend, clock, log }: ObjectStoreDeps) {
    this.#backend = backend;
    this.#clock = clock;
    this.#log = log;
    this.#cache = new WatchCache({
      backend,
      clock,
      log,
      stored: (event) => this.#storedOf(event),
      reloaded: () => this.#written.clear(),
    });
    this.#probe = new SharedProbe(async () => {
      const { revision } = await backend.get(probeKey, { signal: this.#end.signal });
      return revision;
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#cache.load(signal);
    this.#running = this.#cache.run(this.#end.signal);
    this.#running.catch((error) => this.#log.error({ err: error }, 'watch cache stopped'));
  }

  get revision(): Revision {
    return this.#cache.revision;
  }

  cached(key: string): StoredObject | undefined {
    return this.#cache.get(key);
  }

  cachedCounts(): Iterable<readonly [prefix: string, count: number]> {
    return this.#cache.counts();
  }

  cachedList(prefix: string): Iterable<StoredObject> {
    return this.#cache.resource(prefix).list({ prefix, afterKey: undefined, limit: 0 }, this.revision).items;
  }

  async get(
    key: string,
    options: { readonly signal: AbortSignal; readonly notOlderThan?: Revision },
  ): Promise<StoredObject | undefined> {
    await this.#fresh(options.notOlderThan, options.signal);
    return this.#cache.get(key);
  }

  async list(prefix: string, options: ListOptions): Promise<ListResult> {
    const window: Window = { prefix, afterKey: options.afterKey, limit: options.limit };
    const resource = this.#cache.resource(prefix);
    await this.#fresh(options.at ?? options.notOlderThan, options.signal);
    const { at } = options;
    if (at === undefined || at === this.revision) return resource.list(window, this.revision);
    return at >= resource.reachesBackTo
      ? resource.listAt(window, at)
      : this.#listFromBackend(window, at, options.signal);
  }

  async #listFromBackend({ prefix, afterKey, limit }: Window, at: Revision, signal: AbortSignal): Promise<ListResult> {
    const { from, to } = rangeOfPrefix(prefix);
    const range = { from: afterKey === undefined ? from : `${afterKey}\0`, to };
    const page = await this.#backend.list(range, { at, limit, signal });
    return { revision: at, items: page.entries.map((entry) => this.#storedEntry(entry)), remaining: page.remaining };
  }

  create(key: string, object: KubeObject, options: ObjectWriteOptions): Promise<ObjectWrite> {
    return this.#write(key, encodeObject(object), object, 0n, options);
  }

  async update(
    key: string,
    object: KubeObject,
    expected: StoredObject,
    options: ObjectWriteOptions,
  ): Promise<ObjectWrite> {
    const value = encodeObject(object);
    if (isUnchanged(expected, value)) return this.#unchanged(key, expected, options.signal);
    return this.#write(key, value, object, expected.modRevision, options);
  }

  /** Nothing to write; but an answer that rests on a stale version must not say that it did. */
  async #unchanged(key: string, expected: StoredObject, signal: AbortSignal): Promise<ObjectWrite> {
    await this.#fresh(undefined, signal);
    const current = this.#cache.get(key);
    const isCurrent = current?.modRevision === expected.modRevision;
    return isCurrent ? { outcome: 'written', stored: expected } : { outcome: 'conflict', current };
  }

  async remove(
    key: string,
    expected: StoredObject,
    { signal, cause }: Omit<ObjectWriteOptions, 'ttlMs'>,
  ): Promise<ObjectWrite> {
    const causeJson = JSON.stringify(cause);
    const result = await this.#backend.remove(key, expected.modRevision, { signal, cause: causeJson });
    if (result.outcome === 'conflict') return this.#conflict(result.current);
    await this.#applied(result.revision);
    return { outcome: 'written', stored: deletedFrom(expected, result.revision, causeJson) };
  }

  async #write(
    key: string,
    value: Uint8Array,
    object: KubeObject,
    expected: Revision,
    { signal, cause, ttlMs }: ObjectWriteOptions,
  ): Promise<ObjectWrite> {
    const causeJson = JSON.stringify(cause);
    const written: Written = { value, object, stored: undefined };
    this.#remember(key, written);
    try {
      const options = { signal, cause: causeJson, ...(ttlMs === undefined ? {} : { ttlMs }) };
      const result = await this.#backend.write(key, value, expected, options);
      if (result.outcome === 'conflict') {
        this.#forget(key, written);
        return this.#conflict(result.current);
      }
      const { revision } = result;
      const createRevision = expected === 0n ? revision : (this.#cache.get(key)?.createRevision ?? expected);
      await this.#applied(revision);
      const entry = { key, value, createRevision, modRevision: revision, cause: causeJson };
      const stored = written.stored?.modRevision === revision ? written.stored : storedFrom(entry, object);
      if (this.revision >= revision) this.#forget(key, written);
      else written.stored = stored;
      return { outcome: 'written', stored };
    } catch (error) {
      this.#forget(key, written);
      throw error;
    }
  }

  /** A local backend's change is in the cache before its writer goes on, so this process reads what it wrote. */
  async #applied(revision: Revision): Promise<void> {
    if (this.#backend.isLocal) await this.#cache.reach(revision)?.done;
  }

  async #conflict(current: Entry | undefined): Promise<ObjectWrite> {
    return { outcome: 'conflict', current: current && this.#storedEntry(current) };
  }

  #storedEntry(entry: Entry): StoredObject {
    const cached = this.#cache.get(entry.key);
    return cached?.modRevision === entry.modRevision ? cached : storedFrom(entry);
  }

  #remember(key: string, written: Written): void {
    const others = this.#written.get(key);
    if (others) others.add(written);
    else this.#written.set(key, new Set([written]));
  }

  #forget(key: string, written: Written): void {
    const all = this.#written.get(key);
    if (all?.delete(written) && all.size === 0) this.#written.delete(key);
  }

  /** The stored object of a change; when this process wrote it, the object that was written needs no parsing. */
  #storedOf(event: ChangeEvent): StoredObject {
    const value = event.value ?? new Uint8Array(0);
    for (const written of this.#written.get(event.key) ?? []) {
      if (written.stored?.modRevision === event.modRevision) {
        this.#forget(event.key, written);
        return written.stored;
      }
      if (written.stored || (written.value !== value && Buffer.compare(written.value, value) !== 0)) continue;
      written.stored = storedFrom({ ...event, value }, written.object);
      return written.stored;
    }
    return storedFrom({ ...event, value });
  }

  /** Waits until the cache may answer: at a revision, or at whatever is newest in the backend now. */
  async #fresh(notOlderThan: Revision | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (notOlderThan === undefined && this.#backend.isLocal) return;
    const revision = notOlderThan ?? (await raceAbort(this.#probe.next(), signal));
    const waiter = this.#cache.reach(revision);
    if (!waiter) return;
    const cancelTimer = this.#clock.after(reachTimeoutMs, () => {
      const text = `revision ${revision} is not here yet: the newest is ${this.revision}`;
      waiter.giveUp(new StorageError(notOlderThan === undefined ? 'unavailable' : 'futureRevision', text));
    });
    const onAbort = () => waiter.giveUp(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await waiter.done;
    } finally {
      cancelTimer();
      signal.removeEventListener('abort', onAbort);
    }
  }

  subscribe(prefix: string, after: Revision | undefined, subscription: Subscription): () => void {
    this.#end.signal.throwIfAborted();
    const resource = this.#cache.resource(prefix);
    const listener: Listener = { prefix, subscription, told: after ?? this.revision };
    if (listener.told >= resource.reachesBackTo) {
      resource.listen(listener, this.revision);
      return () => void resource.leave(listener);
    }
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#end.signal]);
    this.#catchUp(listener, signal).catch((error) => {
      if (!stop.signal.aborted) subscription.onEnd(this.#end.signal.aborted ? undefined : error);
    });
    return () => {
      stop.abort();
      resource.leave(listener);
    };
  }

  /** Tells from the backend's history what the cache does not remember, until the cache does; then listens to it. */
  async #catchUp(listener: Listener, signal: AbortSignal): Promise<void> {
    const resource = this.#cache.resource(listener.prefix);
    while (listener.told < resource.reachesBackTo) {
      const until = resource.reachesBackTo;
      const { prefix, told: after } = listener;
      for await (const { events, reached } of olderChanges(this.#backend, prefix, { after, until, signal })) {
        signal.throwIfAborted();
        listener.told = reached;
        if (events.length > 0) listener.subscription.onEvents(events);
      }
    }
    resource.listen(listener, this.revision);
  }

  async close(): Promise<void> {
    this.#end.abort(new StorageError('unavailable', 'the object store is closed'));
    await this.#running.catch(() => {});
    this.#cache.close();
  }
}
