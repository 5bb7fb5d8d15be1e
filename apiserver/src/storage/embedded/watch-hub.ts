/**
 * Watches of the embedded store. A watch pulls: it keeps a position and reads forward from the newest changes, which
 * are held in memory once for all watches, or from the tables when it has fallen behind them. So a slow watch costs no
 * memory, and nothing is missed or repeated.
 */
import { type ChangeEvent, type KeyRange, StorageError, type WatchBatch } from '../backend.ts';
import { type Change, revisionOf } from './records.ts';
import type { PendingChange } from './tables.ts';

/** The newest changes kept in memory. A watch that keeps up needs the last commit only. */
const recentChangesMax = 2_048;
const recentBytesMax = 4 * 1024 * 1024;

/** Changes that a watch reads from the tables without giving up the thread. */
const readAheadMax = 500;

export interface WatchHubDeps {
  head(): number;
  compacted(): number;
  change(revision: number): Change | undefined;
  changesFrom(revision: number, limit: number): Iterable<{ revision: number; change: Change }>;
}

/** A change as watches of the etcd API see it. */
export interface WatchedChange extends ChangeEvent {
  readonly change: Change;
}

export interface WatchedBatch extends WatchBatch {
  readonly events: readonly WatchedChange[];
}

export interface WatchOptions {
  /**
   * Begins also at the very revision of a compaction, as etcd does: a write at that revision is still known if it is
   * current, a delete is not.
   */
  readonly atCompaction?: boolean;
}

export class WatchHub {
  readonly #deps: WatchHubDeps;
  #recent: WatchedChange[] = [];
  #recentBytes = 0;
  #waiting = new Set<() => void>();
  #closed = false;

  constructor(deps: WatchHubDeps) {
    this.#deps = deps;
  }

  /** Tells all watches of a commit, in the order of revisions. */
  publish(changes: readonly PendingChange[]): void {
    for (const { revision, change } of changes) {
      const event = this.#eventOf(revision, change);
      this.#recent.push(event);
      this.#recentBytes += event.value?.length ?? 0;
    }
    this.#trim();
    this.#wakeAll();
  }

  /** Forgets what is in memory; watches read from the tables. */
  reset(): void {
    this.#recent = [];
    this.#recentBytes = 0;
    this.#wakeAll();
  }

  close(): void {
    this.#closed = true;
    this.#wakeAll();
  }

  async *watch(
    range: KeyRange,
    after: number,
    signal: AbortSignal,
    { atCompaction = false }: WatchOptions = {},
  ): AsyncGenerator<WatchedBatch, void, void> {
    const allowance = atCompaction ? 1 : 0;
    const wake = () => this.#wakeAll();
    signal.addEventListener('abort', wake, { once: true });
    try {
      for (let position = after; ; ) {
        signal.throwIfAborted();
        if (this.#closed) throw new StorageError('unavailable', 'the store is closed');
        if (position + allowance < this.#deps.compacted()) {
          const text = `revision ${position} has been compacted: the history begins at ${this.#deps.compacted()}`;
          throw new StorageError('compacted', text);
        }
        if (position >= this.#deps.head()) {
          await new Promise<void>((resolve) => this.#waiting.add(resolve));
          continue;
        }
        const read = this.#after(position);
        position = read.reached;
        const events = read.events.filter(({ key }) => key >= range.from && key < range.to);
        yield { revision: BigInt(read.reached), events };
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  /** The next changes after a revision below the head. */
  #after(position: number): { events: readonly WatchedChange[]; reached: number } {
    const first = this.#recent[0];
    if (first && Number(first.modRevision) <= position + 1) {
      return { events: this.#recent.slice(this.#indexAfter(position)), reached: this.#deps.head() };
    }
    const events: WatchedChange[] = [];
    for (const { revision, change } of this.#deps.changesFrom(position + 1, readAheadMax)) {
      if (revisionOf(revision) > this.#deps.head()) break;
      events.push(this.#eventOf(revision, change));
    }
    const last = events.length < readAheadMax ? undefined : events.at(-1);
    return { events, reached: last ? Number(last.modRevision) : this.#deps.head() };
  }

  /** The place of the first change in memory after a revision. */
  #indexAfter(position: number): number {
    let low = 0;
    let high = this.#recent.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Number(this.#recent[middle]?.modRevision) <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #eventOf(revision: number, change: Change): WatchedChange {
    const value = change.type === 'put' ? change.value : this.#deps.change(change.previous)?.value;
    return {
      type: change.type,
      key: change.key,
      value,
      createRevision: BigInt(revisionOf(change.createRevision)),
      modRevision: BigInt(revisionOf(revision)),
      cause: change.cause,
      change,
    };
  }

  #trim(): void {
    let count = 0;
    let kept = this.#recent.length;
    while (kept > recentChangesMax || (this.#recentBytes > recentBytesMax && kept > 0)) {
      this.#recentBytes -= this.#recent[count]?.value?.length ?? 0;
      count++;
      kept--;
    }
    // A revision is in memory as a whole or not at all.
    const cut = this.#recent[count - 1]?.modRevision;
    while (count > 0 && count < this.#recent.length && this.#recent[count]?.modRevision === cut) {
      this.#recentBytes -= this.#recent[count]?.value?.length ?? 0;
      count++;
    }
    // Dropping from the front is paid once per half of the bound, not once per change.
    if (count > 0) this.#recent = this.#recent.slice(count);
  }

  #wakeAll(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }
}
