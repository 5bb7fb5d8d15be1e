/**
 * The embedded store's tables in memory, on a disk that is modelled: a transaction takes its time to get onto the disk, one
 * after the other; a crash takes with it what is not there. What stands on the tables (group commit, watches, expiry,
 * compaction) is the real store's own code.
 *
 *     base ── transaction ── transaction ── transaction │ transaction      in flight: whole or torn at a crash
 *                                        └─ synced      └─ acknowledged    the same place, unless the disk lies
 */
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import { type EmbeddedStore, embeddedStoreOver } from '../storage/embedded/embedded-store.ts';
import { type Change, revisionOf } from '../storage/embedded/records.ts';
import type { PendingChange } from '../storage/embedded/tables.ts';
import { ModelledTables } from './modelled-tables.ts';
import { TableState } from './table-state.ts';

export { TableState } from './table-state.ts';
export type { PendingChange } from '../storage/embedded/tables.ts';

/** Something that a transaction does to the tables. */
export type Work = (state: TableState) => void;

export interface DiskBehaviour {
  /** How long the next transaction takes to be on the disk. */
  syncMs(): number;
  /** Whether the disk claims the next transaction to be there before it is. A real one never does. */
  lies(): boolean;
}

export interface DurableChange {
  readonly revision: number;
  readonly change: Change;
}

/** What is told of the disk, to whoever checks the store from outside. */
export interface DiskListener {
  committed(changes: readonly DurableChange[]): void;
  /** A crash took acknowledged changes with it: the newest revision is this one now. */
  lost(head: number): void;
}

const silent: DiskListener = { committed: () => {}, lost: () => {} };

export class ModelledDisk {
  readonly #base: TableState;
  #log: Work[] = [];
  #synced = 0;
  #state: TableState;
  #tables: ModelledTables | undefined;
  readonly behaviour: DiskBehaviour;
  listener: DiskListener = silent;

  constructor(behaviour: DiskBehaviour, base: TableState = new TableState()) {
    this.behaviour = behaviour;
    this.#base = base;
    this.#state = base.clone();
  }

  /** What is on it, for another disk to begin with. */
  image(): TableState {
    return this.#state.clone();
  }

  /** The real embedded store over this disk; one at a time. */
  open(clock: Clock): EmbeddedStore {
    this.#tables = new ModelledTables(this, clock);
    return embeddedStoreOver(this.#tables, { directory: '(modelled)', clock });
  }

  /** The process that has the store open is gone from one moment to the next. */
  crash(random: Random): void {
    const inFlight = this.#tables?.kill();
    this.#tables = undefined;
    const wasHead = this.#state.head;
    if (this.#synced < this.#log.length) {
      this.#log.length = this.#synced;
      this.#state = this.#base.clone();
      for (const work of this.#log) work(this.#state);
      this.listener.lost(this.#state.head);
    } else if (inFlight && random.next() < 0.5) {
      // It was whole on the disk already; only nobody was told.
      this.write(inFlight);
      this.listener.committed(this.#changesAfter(wasHead));
    }
  }

  /** For the tables: what they read. */
  get state(): TableState {
    return this.#state;
  }

  /** For the tables: a transaction is on the disk, as far as they know. */
  write(work: Work): void {
    work(this.#state);
    this.#log.push(work);
    if (!this.behaviour.lies()) this.#synced = this.#log.length;
  }

  /** For the tables: a commit has been made. */
  committed(changes: readonly PendingChange[]): void {
    this.listener.committed(changes);
  }

  #changesAfter(head: number): readonly DurableChange[] {
    return [...this.#state.changesFrom(head + 1)].filter(({ revision }) => revisionOf(revision) > head);
  }
}

/** A disk that is as quick as can be and never fails. */
export const perfectDisk: DiskBehaviour = { syncMs: () => 0, lies: () => false };

/** Waits as long as a transaction takes. */
export async function syncing(clock: Clock, ms: number): Promise<void> {
  if (ms > 0) await new Promise<void>((resolve) => void clock.after(ms, resolve));
}
