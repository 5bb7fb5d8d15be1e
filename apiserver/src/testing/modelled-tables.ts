import type { Clock } from '@slipway/kit/clock';
import { type Change, type KeyState, revisionOf } from '../storage/embedded/records.ts';
import type { PendingChange, StoredVersion, StoreTables } from '../storage/embedded/tables.ts';
import { type ModelledDisk, syncing, type Work } from './modelled-disk.ts';

/** What the embedded store asks of its tables, answered from memory; see `modelled-disk.ts`. */
export class ModelledTables implements StoreTables {
  readonly #disk: ModelledDisk;
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #inFlight: Work | undefined;
  #isDead = false;
  /** Transactions that are not on the disk yet. */
  #waiting = 0;

  constructor(disk: ModelledDisk, clock: Clock) {
    this.#disk = disk;
    this.#clock = clock;
  }

  /** From now on nothing that the process does has an effect. Answers the transaction that was on its way. */
  kill(): Work | undefined {
    this.#isDead = true;
    return this.#inFlight;
  }

  head(): number {
    return this.#disk.state.head;
  }

  compacted(): number {
    return this.#disk.state.compacted;
  }

  swept(): number {
    return this.#disk.state.swept;
  }

  state(key: string): KeyState | undefined {
    return this.#disk.state.state(key);
  }

  change(revision: number): Change | undefined {
    return this.#disk.state.change(revision);
  }

  *changesFrom(revision: number, limit: number): Generator<{ revision: number; change: Change }> {
    let seen = 0;
    let last = 0;
    for (const found of this.#disk.state.changesFrom(revision)) {
      if (++seen > limit && revisionOf(found.revision) !== revisionOf(last)) return;
      last = found.revision;
      yield found;
    }
  }

  *states(from: string, to: string): Generator<{ key: string; state: KeyState }> {
    yield* this.#disk.state.states(from, to);
  }

  countStates(from: string, to: string): number {
    return this.#disk.state.states(from, to).length;
  }

  *supersededVersions(from: string, to: string): Generator<StoredVersion> {
    yield* this.#disk.state.supersededVersions(from, to);
  }

  supersededAt(key: string, revision: number): StoredVersion | undefined {
    return this.#disk.state.supersededAt(key, revision);
  }

  *expired(nowMs: number, limit: number): Generator<{ atMs: number; revision: number; key: string }> {
    yield* this.#disk.state
      .expiring()
      .filter(({ atMs }) => atMs <= nowMs)
      .slice(0, limit);
  }

  nextExpiryMs(): number | undefined {
    return this.#disk.state.expiring()[0]?.atMs;
  }

  ttlSecondsOf(lease: bigint): number | undefined {
    return this.#disk.state.leases.get(lease);
  }

  *leases(): Generator<{ lease: bigint; ttlSeconds: number }> {
    for (const [lease, ttlSeconds] of this.#disk.state.leases) yield { lease, ttlSeconds };
  }

  *keysOfLease(lease: bigint): Generator<string> {
    yield* this.#disk.state.keysOfLease(lease);
  }

  putLease(lease: bigint, ttlSeconds: number): Promise<void> {
    return this.#transaction((state) => void state.leases.set(lease, ttlSeconds));
  }

  removeLease(lease: bigint): Promise<void> {
    return this.#transaction((state) => void state.leases.delete(lease));
  }

  async identity(make: () => Buffer): Promise<Buffer> {
    const made = this.#disk.state.identity ?? make();
    await this.#transaction((state) => {
      state.identity ??= made;
    });
    return made;
  }

  sizes(): { readonly fileBytes: number; readonly usedBytes: number } {
    return { fileBytes: 0, usedBytes: 0 };
  }

  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  /** There is no mapping. */
  async unmap(): Promise<void> {}

  async commit(changes: readonly PendingChange[]): Promise<void> {
    await this.#transaction((state) => {
      for (const change of changes) state.put(change);
    });
    this.#disk.committed(changes);
  }

  setCompacted(revision: number): Promise<void> {
    return this.#transaction((state) => {
      state.compacted = revision;
    });
  }

  sweep(to: number): Promise<void> {
    return this.#transaction((state) => state.sweep(to));
  }

  async close(): Promise<void> {
    await this.#last;
  }

  /** One at a time. What a dead process waits for never comes. */
  #transaction(work: Work): Promise<void> {
    this.#waiting++;
    const done = this.#last.then(async () => {
      this.#inFlight = work;
      await syncing(this.#clock, this.#disk.behaviour.syncMs());
      if (this.#isDead) await new Promise<never>(() => {});
      this.#inFlight = undefined;
      this.#disk.write(work);
      this.#waiting--;
    });
    this.#last = done;
    return done;
  }
}
