/** The newest changes of one resource, in order, bounded by count and by bytes. */
import type { Revision } from '../backend.ts';
import type { StoredObject, StoreEvent } from '../object-store.ts';

/** What a watch that lost its connection for some seconds needs; older changes come from the backend. */
const changesMax = 10_000;
const bytesMax = 4 * 1024 * 1024;

/** A change as the cache made it. For a delete `before` is the true last state, `previous` the one with the new revision. */
export interface CacheEvent extends StoreEvent {
  readonly key: string;
  readonly before: StoredObject | undefined;
}

export class History {
  #changes: (CacheEvent | undefined)[] = [];
  /** Index of the oldest change that counts; those before it are dropped now and then. */
  #first = 0;
  #bytes = 0;
  #reachesBackTo: Revision;

  constructor(reachesBackTo: Revision) {
    this.#reachesBackTo = reachesBackTo;
  }

  /** Every change after this revision is here. */
  get reachesBackTo(): Revision {
    return this.#reachesBackTo;
  }

  push(change: CacheEvent): void {
    this.#changes.push(change);
    this.#bytes += sizeOf(change);
    while (this.#changes.length - this.#first > changesMax || this.#bytes > bytesMax) this.#dropOldest();
    if (this.#first > changesMax || this.#first === this.#changes.length) {
      this.#changes = this.#changes.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Forgets everything: the changes up to `revision` are not known. */
  reset(revision: Revision): void {
    this.#changes = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#reachesBackTo = revision;
  }

  after(revision: Revision): CacheEvent[] {
    let low = this.#first;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changes[middle] as CacheEvent).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#changes.slice(low) as CacheEvent[];
  }

  #dropOldest(): void {
    const oldest = this.#changes[this.#first] as CacheEvent;
    this.#changes[this.#first] = undefined; // gone from memory at once, from the array later
    this.#first++;
    this.#bytes -= sizeOf(oldest);
    this.#reachesBackTo = oldest.revision;
  }
}

function sizeOf({ current, previous }: CacheEvent): number {
  return (current?.bytes.length ?? 0) + (previous?.bytes.length ?? 0);
}
