/**
 * Objects over a backend, written once for all backends: encoding, conditional writes with retry, lists at a
 * revision, and the watch cache that serves reads and watches from memory.
 *
 * Bytes: an object is serialised once, when it is written. Its JSON begins with kind, apiVersion and metadata, so the
 * resourceVersion, known only after the write, is spliced into the metadata without parsing.
 */
import type { Cause } from '@slipway/api/cause';
import type { KubeObject } from '@slipway/api/types';
import type { Revision } from './backend.ts';

/** One version of one object. Immutable and shared by everybody who reads it. */
export interface StoredObject {
  readonly key: string;
  readonly modRevision: Revision;
  readonly createRevision: Revision;
  /** The JSON that clients get, resourceVersion included. Never change it. */
  readonly bytes: Buffer;
  /** The same, parsed on first use and deeply frozen. */
  readonly object: KubeObject;
  /** The same, if somebody has parsed it; looking does not parse it. */
  readonly parsed: KubeObject | undefined;
  /** Why this version was written; on the last state of a deleted object why it was deleted. */
  readonly cause: Cause | undefined;
}

export type ObjectWrite =
  | { readonly outcome: 'written'; readonly stored: StoredObject }
  | { readonly outcome: 'conflict'; readonly current: StoredObject | undefined };

/** A change as watchers see it: `current` is missing for a delete, `previous` for a create. */
export interface StoreEvent {
  readonly revision: Revision;
  readonly current: StoredObject | undefined;
  /** For a delete: the last state, whose bytes carry the revision of the deletion. */
  readonly previous: StoredObject | undefined;
}

export interface ListResult {
  readonly revision: Revision;
  readonly items: readonly StoredObject[];
  /** Objects after the last item, before any selector. 0 = the list is whole. */
  readonly remaining: number;
}

export interface ListOptions {
  readonly signal: AbortSignal;
  /** Exactly this revision (paging, resourceVersionMatch=Exact). */
  readonly at?: Revision;
  /** Any state not older than this; 0 = whatever the cache has. Neither = the newest state (consistent read). */
  readonly notOlderThan?: Revision;
  /** Keys strictly after this one (paging). */
  readonly afterKey?: string;
  /** 0 = all. */
  readonly limit: number;
}

export interface ObjectWriteOptions {
  readonly signal: AbortSignal;
  readonly cause: Cause;
  readonly ttlMs?: number;
}

export interface Subscription {
  /** Called with changes in order. The same array goes to all subscribers of a prefix: work on it may be shared. */
  onEvents(events: readonly StoreEvent[]): void;
  /** Called once: the cache has seen everything up to this revision and there was nothing in the prefix. Coalesced. */
  onProgress?(revision: Revision): void;
  /** The subscription is over: compacted from under it, store closed. */
  onEnd(error?: unknown): void;
}

/** `prefix` is always one resource, `/registry/GROUP/RESOURCE/`, or one namespace of it, `/registry/GROUP/RESOURCE/NS/`. */
export interface ObjectStore {
  /** The newest revision that the cache has seen. */
  readonly revision: Revision;
  /** The newest state (consistent). */
  get(
    key: string,
    options: { readonly signal: AbortSignal; readonly notOlderThan?: Revision },
  ): Promise<StoredObject | undefined>;
  /** What the cache has now; synchronous, may lag by a moment behind another writer. */
  cached(key: string): StoredObject | undefined;
  cachedList(prefix: string): Iterable<StoredObject>;
  /** How many objects the cache has of each resource. */
  cachedCounts(): Iterable<readonly [prefix: string, count: number]>;
  list(prefix: string, options: ListOptions): Promise<ListResult>;
  /**
   * An object that is handed in is given away: it is frozen when it was written, and every reader shares it. A
   * resourceVersion in it is ignored.
   */
  create(key: string, object: KubeObject, options: ObjectWriteOptions): Promise<ObjectWrite>;
  /** Writes when the stored version is `expected`. When the encoding is unchanged nothing is written and `expected` answered. */
  update(key: string, object: KubeObject, expected: StoredObject, options: ObjectWriteOptions): Promise<ObjectWrite>;
  remove(key: string, expected: StoredObject, options: Omit<ObjectWriteOptions, 'ttlMs'>): Promise<ObjectWrite>;
  /**
   * Delivers what happened after `after` (history first, then live), or from now on. What the cache remembers is
   * delivered before this returns; older changes are read from the backend, and when it has forgotten them too, `onEnd`
   * gets a `StorageError` 'compacted'. Returns the cancel function, after which nothing is called any more.
   */
  subscribe(prefix: string, after: Revision | undefined, subscription: Subscription): () => void;
  /** Ends all subscriptions. The backend stays open: whoever opened it closes it. */
  close(): Promise<void>;
}
