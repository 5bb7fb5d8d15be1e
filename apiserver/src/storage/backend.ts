/**
 * The waist where stores plug in: bytes in, bytes out, every change at a revision of its own. Whatever a backend
 * cannot do it refuses; it never ignores. One conformance suite (`conformance/`) runs on every backend.
 */

/** Grows by one with every change of the store; 0 is "before everything". */
export type Revision = bigint;

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: Revision;
  /** The revision of the last write of this key. */
  readonly modRevision: Revision;
  /** What the last write was given as its cause (JSON). */
  readonly cause: string | undefined;
}

export type WriteResult =
  | { readonly outcome: 'written'; readonly revision: Revision }
  | { readonly outcome: 'conflict'; readonly current: Entry | undefined };

/** Keys from `from` (inclusive) to `to` (exclusive), in byte order. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

export interface Page {
  /** The revision that the page shows. */
  readonly revision: Revision;
  readonly entries: readonly Entry[];
  /** Entries of the range after the last one of this page, at that revision. */
  readonly remaining: number;
}

export interface ChangeEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** The value written; for a delete the last value before it, where the backend still has it. */
  readonly value: Uint8Array | undefined;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** Why this change happened (JSON): for a delete the cause of the delete. */
  readonly cause: string | undefined;
}

/** All changes of one revision or more, in order; never a part of a revision. */
export interface WatchBatch {
  readonly revision: Revision;
  readonly events: readonly ChangeEvent[];
}

export interface WriteOptions {
  readonly signal: AbortSignal;
  /** Why the write happened (see `@slipway/api/cause`), as JSON. Kept in the store's log until compaction. */
  readonly cause: string;
  /** The entry vanishes by itself after this time; the deletion is a change with a revision. */
  readonly ttlMs?: number;
}

export interface Backend {
  /**
   * True when this process is the only writer: a running watch of this process then sees a change no later than its
   * writer gets the result, and `get` needs no round trip.
   */
  readonly isLocal: boolean;
  get(
    key: string,
    options: { readonly at?: Revision; readonly signal: AbortSignal },
  ): Promise<{ readonly revision: Revision; readonly entry: Entry | undefined }>;
  /** At most `limit` entries (0 = all), in key order. Throws `StorageError` 'compacted' or 'futureRevision'. */
  list(
    range: KeyRange,
    options: { readonly at?: Revision; readonly limit: number; readonly signal: AbortSignal },
  ): Promise<Page>;
  /** Writes only when the stored modRevision equals `expected`; 0 means "must not exist". Durable when it resolves. */
  write(key: string, value: Uint8Array, expected: Revision, options: WriteOptions): Promise<WriteResult>;
  /** Removes only when the stored modRevision equals `expected`. Durable when it resolves. */
  remove(key: string, expected: Revision, options: Omit<WriteOptions, 'ttlMs'>): Promise<WriteResult>;
  /**
   * Yields whole revisions in order, starting after `after`, nothing missed, nothing repeated. An empty batch tells
   * that the store has reached its revision with no change in the range. Throws 'compacted' when `after` is too old.
   */
  watch(range: KeyRange, after: Revision, signal: AbortSignal): AsyncIterable<WatchBatch>;
  /** A hint: the caller has read everything, and keeps it. Memory that reading took may go. Nothing else may be under way. */
  loaded(signal: AbortSignal): Promise<void>;
  /** Forgets history before the revision; what is current stays. */
  compact(before: Revision, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** `unknownOutcome`: a write was sent and no answer came; it may have happened, or happen yet. */
export type StorageErrorReason =
  | 'compacted'
  | 'futureRevision'
  | 'unavailable'
  | 'unknownOutcome'
  | 'corrupt'
  | 'full'
  | 'locked'
  | 'notEmpty';

export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly reason: StorageErrorReason;

  constructor(reason: StorageErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
