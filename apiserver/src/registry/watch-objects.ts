/**
 * One watch: the state to begin with, where it is asked for, then every change in order, with the selector's conversions (an object
 * that begins to match is ADDED, one that ceases to is DELETED).
 *
 * What is unfiltered is shared: all watchers of a prefix get the same arrays, so that whoever encodes them can do it once. Changes
 * that the consumer has not taken yet wait in a queue that refers to shared objects; past its bound the watch ends with an error.
 */
import { StatusError } from '@slipway/api/status-error';
import type { KubeObject } from '@slipway/api/types';
import type { Revision } from '../storage/backend.ts';
import { StorageError } from '../storage/backend.ts';
import type { StoredObject, StoreEvent } from '../storage/object-store.ts';
import { listObjects, parseVersion } from './list-objects.ts';
import { listPrefix, type ResourceContext } from './resource-context.ts';
import type { Selection } from './selection.ts';
import { statusFromStorage } from './storage-errors.ts';
import type { Call } from './write-call.ts';

export type WatchChange =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly stored: Pick<StoredObject, 'bytes' | 'object'> }
  | { readonly type: 'BOOKMARK'; readonly revision: Revision; readonly isEndOfInitialEvents: boolean };

export interface WatchQuery {
  readonly resourceVersion?: string | undefined;
  readonly sendInitialEvents?: boolean | undefined;
  readonly allowWatchBookmarks?: boolean | undefined;
  /** The watch ends by itself after this time. */
  readonly timeoutMs: number;
  readonly backlogBytesMax: number;
  /** Asked when there is something to hand out: how long to wait, so that more may gather. Undefined = not at all. */
  readonly pace?: (() => Promise<void> | undefined) | undefined;
}

/** So often a watcher that asked for it learns how far it is, though nothing happened: every minute, late timers included. */
const bookmarkIntervalMs = 55_000;
/** As upstream: so long before a watch ends by itself, a last one says where the next watch may begin. */
const lastBookmarkBeforeEndMs = 2_000;

/** Initial events come in batches of about this size, so that the consumer's backpressure works between them. */
const initialBatchObjects = 500;

/** What waited to be read, in order. Batches of an unfiltered watch are shared with its siblings. */
export type WatchBatches = readonly (readonly WatchChange[])[];

/**
 * Ends at the time-out, at the abort of the call's signal, and when the server stops.
 * Throws StatusError Expired when the history does not reach back to the asked version.
 */
export async function* watchObjects(
  context: ResourceContext,
  namespace: string | undefined,
  selection: Selection | undefined,
  query: WatchQuery,
  call: Call,
): AsyncGenerator<WatchBatches, void, void> {
  const prefix = listPrefix(context.strategy.resource, namespace);
  const start = await startOf(context, namespace, selection, query, call);
  for (let at = 0; at < start.initial.length; at += initialBatchObjects) {
    yield [start.initial.slice(at, at + initialBatchObjects).map((stored) => ({ type: 'ADDED', stored }))];
  }
  if (query.sendInitialEvents && query.allowWatchBookmarks) {
    yield [[{ type: 'BOOKMARK', revision: start.revision, isEndOfInitialEvents: true }]];
  }
  const queue = new ChangeQueue(query.backlogBytesMax, query.pace);
  const seen = { revision: start.revision };
  const stops = [
    subscribe(context, prefix, { seen, selection, queue }),
    context.clock.after(query.timeoutMs, () => queue.end()),
  ];
  const onAbort = () => queue.end();
  call.signal.addEventListener('abort', onAbort, { once: true });
  if (call.signal.aborted) onAbort();
  const bookmarks = query.allowWatchBookmarks
    ? bookmarkTimer(context, { seen, queue, timeoutMs: query.timeoutMs })
    : () => {};
  try {
    yield* queue;
  } finally {
    call.signal.removeEventListener('abort', onAbort);
    bookmarks();
    for (const stop of stops) stop();
  }
}

interface Start {
  readonly revision: Revision;
  readonly initial: readonly StoredObject[];
}

/** Without a version, or with 0, a watch begins with the state there is; with a version, after it. */
async function startOf(
  context: ResourceContext,
  namespace: string | undefined,
  selection: Selection | undefined,
  query: WatchQuery,
  call: Call,
): Promise<Start> {
  const version = query.resourceVersion ?? '';
  const wantsState = query.sendInitialEvents ?? (version === '' || version === '0');
  if (wantsState) {
    const { revision, items } = await listObjects(context, namespace, selection, { resourceVersion: version }, call);
    return { revision, initial: items };
  }
  if (version === '' || version === '0') return { revision: context.objects.revision, initial: [] };
  return { revision: parseVersion(version), initial: [] };
}

/** Every change up to here was queued. A bookmark must not say more, or a watch that goes on from it would miss what it did not get. */
interface Seen {
  revision: Revision;
}

function subscribe(
  context: ResourceContext,
  prefix: string,
  { seen, selection, queue }: { seen: Seen; selection: Selection | undefined; queue: ChangeQueue },
): () => void {
  const after = seen.revision;
  try {
    return context.objects.subscribe(prefix, after, {
      onEvents: (events) => {
        seen.revision = events.at(-1)?.revision ?? seen.revision;
        queue.push(selection ? selectChanges(events, selection) : sharedChanges(events));
      },
      onProgress: (revision) => {
        seen.revision = revision;
      },
      onEnd: (error) => queue.end(error === undefined ? undefined : watchError(error)),
    });
  } catch (error) {
    throw error instanceof StorageError && error.reason === 'compacted'
      ? new StatusError('Expired', `too old resource version: ${after} (${context.objects.revision})`, { cause: error })
      : statusFromStorage(error);
  }
}

function watchError(error: unknown): unknown {
  if (error instanceof StorageError && error.reason === 'compacted') {
    return new StatusError('Expired', 'The resourceVersion for the provided watch is too old.', { cause: error });
  }
  return statusFromStorage(error);
}

const sharedByEvents = new WeakMap<readonly StoreEvent[], readonly WatchChange[]>();

function sharedChanges(events: readonly StoreEvent[]): readonly WatchChange[] {
  const known = sharedByEvents.get(events);
  if (known) return known;
  const changes = events.flatMap((event) => changeOf(event) ?? []);
  sharedByEvents.set(events, changes);
  return changes;
}

function changeOf({ current, previous }: StoreEvent): WatchChange | undefined {
  if (current) return { type: previous ? 'MODIFIED' : 'ADDED', stored: current };
  return previous && { type: 'DELETED', stored: previous };
}

function selectChanges(events: readonly StoreEvent[], selection: Selection): readonly WatchChange[] {
  return events.flatMap((event) => selectedChange(event, selection) ?? []);
}

function selectedChange({ revision, current, previous }: StoreEvent, selection: Selection): WatchChange | undefined {
  const isIn = current !== undefined && selection.matches(current.object);
  const wasIn = previous !== undefined && selection.matches(previous.object);
  if (isIn) return { type: wasIn ? 'MODIFIED' : 'ADDED', stored: current };
  if (!wasIn) return undefined;
  return { type: 'DELETED', stored: current ? atRevision(previous.object, revision) : previous };
}

/** The state before the change, at the revision of the change: where the watcher must go on. */
function atRevision(object: KubeObject, revision: Revision): Pick<StoredObject, 'bytes' | 'object'> {
  const moved = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
  return { object: moved, bytes: Buffer.from(JSON.stringify(moved)) };
}

function bookmarkTimer(
  { clock }: ResourceContext,
  { seen, queue, timeoutMs }: { seen: Seen; queue: ChangeQueue; timeoutMs: number },
): () => void {
  const mark = () => queue.push([{ type: 'BOOKMARK', revision: seen.revision, isEndOfInitialEvents: false }]);
  let cancel = () => {};
  const next = () => {
    cancel = clock.after(bookmarkIntervalMs, () => {
      mark();
      next();
    });
  };
  next();
  const cancelLast =
    timeoutMs > lastBookmarkBeforeEndMs ? clock.after(timeoutMs - lastBookmarkBeforeEndMs, mark) : () => {};
  return () => {
    cancel();
    cancelLast();
  };
}

/**
 * Batches between the store and one consumer, bounded by the bytes they refer to; a consumer that is slower than that loses the watch, as
 * upstream. Ends once, with or without an error.
 */
class ChangeQueue implements AsyncIterable<WatchBatches> {
  readonly #bytesMax: number;
  readonly #pace: WatchQuery['pace'];
  #batches: (readonly WatchChange[])[] = [];
  #bytes = 0;
  #ended: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(bytesMax: number, pace: WatchQuery['pace']) {
    this.#bytesMax = bytesMax;
    this.#pace = pace;
  }

  push(changes: readonly WatchChange[]): void {
    if (this.#ended || changes.length === 0) return;
    this.#bytes += sizeOf(changes);
    if (this.#bytes > this.#bytesMax) {
      // What waits is forgotten as a whole, so that the client sees no gap: it watches again from the last change that it got.
      this.#batches = [];
      this.end();
      return;
    }
    this.#batches.push(changes);
    this.#wake?.();
  }

  end(error?: unknown): void {
    this.#ended ??= error === undefined ? {} : { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchBatches, void, void> {
    for (;;) {
      while (this.#batches.length > 0) {
        const wait = this.#ended ? undefined : this.#pace?.();
        if (wait) await wait;
        yield this.#take();
      }
      if (this.#ended) {
        if ('error' in this.#ended) throw this.#ended.error;
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  #take(): WatchBatches {
    const waiting = this.#batches;
    this.#batches = [];
    this.#bytes = 0;
    return waiting;
  }
}

const sizes = new WeakMap<readonly WatchChange[], number>();

function sizeOf(changes: readonly WatchChange[]): number {
  const known = sizes.get(changes);
  if (known !== undefined) return known;
  const size = changes.reduce((sum, change) => sum + (change.type === 'BOOKMARK' ? 0 : change.stored.bytes.length), 0);
  sizes.set(changes, size);
  return size;
}
