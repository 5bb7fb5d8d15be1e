/**
 * Several reads and writes decided at one moment, for the etcd API: they see the state that all writes before them will
 * leave, and each other. All changes share one revision and one commit. Nothing happens until the transaction is
 * committed, so work that throws has changed nothing.
 */
import type { KeyRange } from '../backend.ts';
import { type Change, changeStep, changesPerRevisionMax, type KeyState, noLease } from './records.ts';
import type { PendingChange } from './tables.ts';

/** A version of a key, with the number of the change that wrote it (see `records.ts`). */
export interface Version {
  readonly number: number;
  readonly change: Change;
}

/** More changes than a revision can hold. */
export class TransactionTooLargeError extends RangeError {
  override readonly name = 'TransactionTooLargeError';

  constructor() {
    super(`one transaction changes at most ${changesPerRevisionMax} keys`);
  }
}

export interface TransactionDeps {
  readonly revision: number;
  readonly nowMs: number;
  state(key: string): KeyState;
  version(state: KeyState, key: string): Version | undefined;
  states(range: KeyRange): Iterable<{ readonly key: string; readonly state: KeyState }>;
  /** Keys of the range that queued writes touch, with the state that they will leave. */
  pendingStates(range: KeyRange): Iterable<{ readonly key: string; readonly state: KeyState }>;
}

export class Transaction {
  readonly #deps: TransactionDeps;
  readonly #changes = new Map<string, { readonly pending: PendingChange; readonly state: KeyState }>();

  constructor(deps: TransactionDeps) {
    this.#deps = deps;
  }

  /** The revision that the changes get; the newest one before is one less. */
  get revision(): number {
    return this.#deps.revision;
  }

  get changes(): readonly { readonly pending: PendingChange; readonly state: KeyState }[] {
    return [...this.#changes.values()];
  }

  get isChanging(): boolean {
    return this.#changes.size > 0;
  }

  get(key: string): Version | undefined {
    return this.#version(key, this.#state(key));
  }

  /** In the order of keys. */
  *range(range: KeyRange): Generator<Version> {
    if (range.to === `${range.from}\0`) {
      const version = this.get(range.from);
      if (version) yield version;
      return;
    }
    for (const key of this.#keys(range)) {
      const version = this.get(key);
      if (version) yield version;
    }
  }

  put(key: string, value: Uint8Array, { cause, lease }: { readonly cause: string; readonly lease: bigint }): void {
    const before = this.#state(key);
    const number = this.#nextNumber();
    const createRevision = before.modRevision === 0 ? number : before.createRevision;
    const version = before.version + 1;
    this.#add(
      number,
      before,
      { ...this.#base(key, before, cause), type: 'put', createRevision, version, lease, value },
      { modRevision: number, createRevision, expiresAtMs: 0, version, lease },
    );
  }

  /** The key must exist. */
  remove(key: string, cause: string): void {
    const before = this.#state(key);
    const { createRevision } = before;
    const base = this.#base(key, before, cause);
    const change: Change = { ...base, type: 'delete', createRevision, version: 0, lease: noLease, value: noBytes };
    this.#add(this.#nextNumber(), before, change, absent);
  }

  #base(key: string, before: KeyState, cause: string) {
    return { key, previous: before.modRevision, writtenAtMs: this.#deps.nowMs, cause };
  }

  #add(number: number, before: KeyState, change: Change, state: KeyState): void {
    this.#changes.set(change.key, { pending: { revision: number, before, change, expiresAtMs: 0 }, state });
  }

  #nextNumber(): number {
    if (this.#changes.size >= changesPerRevisionMax) throw new TransactionTooLargeError();
    return this.#deps.revision + this.#changes.size * changeStep;
  }

  #state(key: string): KeyState {
    return this.#changes.get(key)?.state ?? this.#deps.state(key);
  }

  #version(key: string, state: KeyState): Version | undefined {
    if (state.modRevision === 0) return undefined;
    const own = this.#changes.get(key)?.pending;
    return own ? { number: own.revision, change: own.change } : this.#deps.version(state, key);
  }

  *#keys(range: KeyRange): Generator<string> {
    const extra = new Set<string>();
    for (const { key } of this.#deps.pendingStates(range)) extra.add(key);
    for (const key of this.#changes.keys()) if (key >= range.from && key < range.to) extra.add(key);
    const sorted = [...extra].sort();
    let next = 0;
    for (const { key } of this.#deps.states(range)) {
      for (let other = sorted[next]; other !== undefined && other <= key; other = sorted[++next]) {
        if (other !== key) yield other;
      }
      yield key;
    }
    yield* sorted.slice(next);
  }
}

export const absent: KeyState = { modRevision: 0, createRevision: 0, expiresAtMs: 0, version: 0, lease: noLease };

const noBytes = new Uint8Array(0);
