/**
 * All objects in memory, loaded once and then fed by one watch of the backend. Every change is applied in order, to its
 * resource only; whoever listens to other resources costs nothing.
 */
import { isAbort } from '@slipway/kit/abort';
import { backoffMs } from '@slipway/kit/backoff';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { type Backend, type ChangeEvent, type Entry, type Revision, StorageError } from '../backend.ts';
import { rangeOfPrefix, registryPrefix, resourcePrefixOf } from '../keys.ts';
import type { StoredObject } from '../object-store.ts';
import { storedFrom } from '../stored-object.ts';
import { ResourceCache } from './resource-cache.ts';

export interface WatchCacheDeps {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
  /** Makes the stored object of a put; the hook by which a writer of this process hands in what it wrote. */
  stored(event: ChangeEvent): StoredObject;
  /** After a reload: what was written before it is in the cache or gone. */
  reloaded(): void;
}

/** Objects read from the backend at once: bounds what a load holds twice. */
const loadPageLength = 5_000;

/** Pause before a broken watch of the backend is begun again. */
const rewatchBackoff = { baseMs: 50, maxMs: 1_000, jitter: 0 };

/** How often listeners in quiet prefixes are told that the cache went on. */
const progressMs = 1_000;

const range = rangeOfPrefix(registryPrefix);

interface Waiter {
  readonly revision: Revision;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export class WatchCache {
  readonly #deps: WatchCacheDeps;
  /** Never taken out: a resource without objects stays. */
  readonly #resources = new Map<string, ResourceCache>();
  #lastRead: { readonly prefix: string; readonly resource: ResourceCache } | undefined;
  readonly #waiters = new Set<Waiter>();
  #revision: Revision = 0n;
  /** Resources without objects know nothing of the time before the first load. */
  #loadedAt: Revision = 0n;
  #cancelProgress: (() => void) | undefined;

  constructor(deps: WatchCacheDeps) {
    this.#deps = deps;
  }

  /** Everything up to here has been applied. */
  get revision(): Revision {
    return this.#revision;
  }

  get(key: string): StoredObject | undefined {
    // Most reads are of the resource that was read last.
    const last = this.#lastRead;
    if (last && key.startsWith(last.prefix)) return last.resource.get(key);
    const prefix = resourcePrefixOf(key);
    const resource = prefix === undefined ? undefined : this.#resources.get(prefix);
    if (prefix === undefined || !resource) return undefined;
    this.#lastRead = { prefix, resource };
    return resource.get(key);
  }

  *counts(): Generator<readonly [prefix: string, count: number]> {
    for (const [prefix, resource] of this.#resources) yield [prefix, resource.size];
  }

  /** The resource that a prefix belongs to. Throws `RangeError` for a prefix that is no resource and no namespace. */
  resource(prefix: string): ResourceCache {
    const resourcePrefix = resourcePrefixOf(prefix);
    if (resourcePrefix === undefined || !prefix.endsWith('/'))
      throw new RangeError(`${prefix} is not a resource prefix`);
    let resource = this.#resources.get(resourcePrefix);
    if (!resource) {
      resource = new ResourceCache(resourcePrefix, this.#loadedAt, this.#deps.log);
      this.#resources.set(resourcePrefix, resource);
    }
    return resource;
  }

  async load(signal: AbortSignal): Promise<void> {
    for await (const { revision, entries } of this.#pages(signal)) {
      this.#revision = revision;
      this.#loadedAt = revision;
      for (const stored of entries) this.resource(resourcePrefixOf(stored.key) ?? '').load(stored);
    }
    await this.#deps.backend.loaded(signal);
  }

  /** Follows the backend until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        for await (const batch of this.#deps.backend.watch(range, this.#revision, signal)) {
          failures = 0;
          this.#apply(batch.events, batch.revision);
        }
        failures++;
      } catch (error) {
        if (signal.aborted) break;
        failures++;
        await this.#recover(error, signal);
      }
      if (failures > 0) await this.#deps.clock.sleep(backoffMs(failures, rewatchBackoff), signal).catch(() => {});
    }
    this.#cancelProgress?.();
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const isCompacted = error instanceof StorageError && error.reason === 'compacted';
    const fields = { reason: messageOf(error), revision: String(this.#revision) };
    this.#deps.log.warn(
      fields,
      isCompacted ? 'changes were compacted, reading all objects again' : 'watch of the store broke',
    );
    if (!isCompacted) return;
    try {
      await this.#reload(signal);
    } catch (failure) {
      if (!isAbort(failure)) this.#deps.log.warn({ reason: messageOf(failure) }, 'reading all objects failed');
    }
  }

  async #reload(signal: AbortSignal): Promise<void> {
    const found = new Map<string, StoredObject[]>();
    let reached = this.#revision;
    for await (const { revision, entries } of this.#pages(signal)) {
      reached = revision;
      for (const stored of entries) {
        const prefix = resourcePrefixOf(stored.key) ?? '';
        const objects = found.get(prefix);
        if (objects) objects.push(stored);
        else found.set(prefix, [stored]);
      }
    }
    this.#revision = reached;
    this.#loadedAt = reached;
    for (const prefix of found.keys()) this.resource(prefix);
    for (const [prefix, resource] of this.#resources) resource.replace(found.get(prefix) ?? [], reached);
    this.#deps.reloaded();
    this.#reached();
  }

  async *#pages(signal: AbortSignal): AsyncGenerator<{ revision: Revision; entries: StoredObject[] }> {
    let at: Revision | undefined;
    for (let from = range.from; ; ) {
      const page = await this.#deps.backend.list(
        { from, to: range.to },
        { limit: loadPageLength, signal, ...(at === undefined ? {} : { at }) },
      );
      at ??= page.revision;
      yield { revision: at, entries: page.entries.flatMap((entry) => this.#read(entry)) };
      const last = page.entries.at(-1);
      if (!last || page.remaining === 0) return;
      from = `${last.key}\0`;
    }
  }

  /** None when the key or the value is not one of ours: that must not keep all the others from being served. */
  #read(entry: Entry): StoredObject[] {
    if (resourcePrefixOf(entry.key) === undefined) return [];
    const known = this.get(entry.key);
    if (known?.modRevision === entry.modRevision) return [known];
    try {
      return [storedFrom(entry)];
    } catch (error) {
      this.#deps.log.error({ err: error, key: entry.key }, 'stored value not understood');
      return [];
    }
  }

  #apply(events: readonly ChangeEvent[], revision: Revision): void {
    const touched = new Set<ResourceCache>();
    for (const event of events) {
      const prefix = resourcePrefixOf(event.key);
      if (prefix === undefined) continue;
      const resource = this.resource(prefix);
      try {
        resource.apply(event, () => this.#deps.stored(event));
        touched.add(resource);
      } catch (error) {
        this.#deps.log.error(
          { err: error, key: event.key, revision: String(event.modRevision) },
          'change not understood',
        );
      }
    }
    if (revision > this.#revision) this.#revision = revision;
    for (const resource of touched) resource.tell(this.#revision);
    this.#reached();
    this.#scheduleProgress();
  }

  /** Waits until everything up to the revision is applied; undefined when it is. */
  reach(revision: Revision): { done: Promise<void>; giveUp: (reason: unknown) => void } | undefined {
    if (this.#revision >= revision) return undefined;
    const { promise: done, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { revision, resolve, reject };
    this.#waiters.add(waiter);
    const giveUp = (reason: unknown) => {
      this.#waiters.delete(waiter);
      reject(reason);
    };
    return { done, giveUp };
  }

  #reached(): void {
    for (const waiter of this.#waiters) {
      if (waiter.revision > this.#revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  #scheduleProgress(): void {
    this.#cancelProgress ??= this.#deps.clock.after(progressMs, () => {
      this.#cancelProgress = undefined;
      for (const resource of this.#resources.values()) {
        for (const listener of resource.listeners()) {
          if (listener.told >= this.#revision) continue;
          listener.told = this.#revision;
          listener.subscription.onProgress?.(this.#revision);
        }
      }
    });
  }

  /** Ends all listeners and waiters. */
  close(): void {
    this.#cancelProgress?.();
    for (const resource of this.#resources.values()) resource.endAll();
    for (const { reject } of this.#waiters) reject(new StorageError('unavailable', 'the object store is closed'));
  }
}
