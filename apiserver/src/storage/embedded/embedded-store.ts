/**
 * The embedded store: the waist over LMDB. One process, one writer thread, readers on the caller's thread.
 *
 * A write is decided at once, against the state that all writes before it will leave, gets the next revision, and is
 * made durable by a group commit. Nothing can be read before it is durable.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import {
  type Backend,
  type Entry,
  type KeyRange,
  type Page,
  type Revision,
  StorageError,
  type WatchBatch,
  type WriteOptions,
  type WriteResult,
} from '../backend.ts';
import { lockDirectory } from './directory-lock.ts';
import { checkSizes } from './entry-sizes.ts';
import { Expiry } from './expiry.ts';
import { GroupCommit, queuedChangesMax } from './group-commit.ts';
import { pageAt, pageOfHead } from './pages.ts';
import { Leases } from './leases.ts';
import { futureRevision } from './lmdb-errors.ts';
import { MappedMemory } from './mapped-memory.ts';
import { type Change, type KeyState, lastChangeAt, noLease, revisionOf } from './records.ts';
import { type PendingChange, type StoreTables, Tables } from './tables.ts';
import { absent, Transaction, type Version } from './transaction.ts';
import { type WatchedBatch, WatchHub } from './watch-hub.ts';

export interface EmbeddedStoreOptions {
  /** Created when it does not exist. One process at a time. */
  readonly directory: string;
  readonly clock: Clock;
}

/** Changes erased by one transaction of a compaction, so that writers wait a moment only. */
const sweepChangesMax = 200;

/** After the disk was full, writes other than deletes are refused for this time without trying. */
const fullRetryMs = 1_000;

/** The state of a key that queued writes will leave. `done` settles with the last of them. */
interface PendingState {
  readonly revision: number;
  readonly change: Change;
  readonly state: KeyState;
  readonly done: Promise<void>;
}

/** What the store can do beyond the waist; the etcd API is made of it. */
export interface EmbeddedStore extends Backend {
  readonly tables: StoreTables;
  readonly leases: Leases;
  /** The newest revision that can be read. */
  readonly head: number;
  /** Readers below this revision are refused. */
  readonly compacted: number;
  /**
   * Runs synchronous work that sees all writes before it, and commits its changes at one revision. Resolves when these,
   * or what it has seen, are durable: `revision` is the newest one then, its own included. What the work throws is thrown.
   */
  transact<T>(work: (transaction: Transaction) => T): Promise<{ readonly revision: number; readonly result: T }>;
  watchChanges(range: KeyRange, after: number, signal: AbortSignal): AsyncIterable<WatchedBatch>;
  grantLease(id: bigint, ttlSeconds: number): Promise<void>;
  /** Removes the lease with its keys, at one revision; resolves with the newest revision then. */
  revokeLease(id: bigint): Promise<number>;
}

/** Opens or creates a store. Throws `StorageError` 'locked', 'corrupt' or 'unavailable'. */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
  try {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    const text = `create data directory ${options.directory}: ${messageOf(error)}`;
    throw new StorageError('unavailable', text, { cause: error });
  }
  const unlock = lockDirectory(options.directory);
  try {
    return new LmdbStore(options, new Tables(join(options.directory, 'data')), unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

/** The same store over tables that the caller keeps and alone uses. */
export function embeddedStoreOver(tables: StoreTables, options: EmbeddedStoreOptions): EmbeddedStore {
  return new LmdbStore(options, tables, () => {});
}

class LmdbStore implements EmbeddedStore {
  readonly isLocal = true;
  readonly tables: StoreTables;
  readonly leases: Leases;
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #unlock: () => void;
  readonly #commits: GroupCommit;
  readonly #hub: WatchHub;
  readonly #expiry: Expiry;
  readonly #mapped: MappedMemory;
  readonly #pending = new Map<string, PendingState>();
  /**
   * The newest revision that writers and watches were told of, and the newest given to a write. The tables may be a
   * moment ahead of the former: a commit is visible as soon as it is durable.
   */
  #head: number;
  #assigned: number;
  #compacted: number;
  #sweeping: Promise<void> = Promise.resolve();
  /** Settles with the newest write. */
  #lastDone: Promise<void> = Promise.resolve();
  #full: { readonly untilMs: number; readonly error: StorageError } | undefined;
  #closing: Promise<void> | undefined;

  constructor({ directory, clock }: EmbeddedStoreOptions, tables: StoreTables, unlock: () => void) {
    this.#directory = directory;
    this.#clock = clock;
    this.tables = tables;
    this.#unlock = unlock;
    this.#head = tables.head();
    this.#assigned = this.#head;
    this.#compacted = tables.compacted();
    this.#hub = new WatchHub({
      head: () => this.#head,
      compacted: () => this.#compacted,
      change: (revision) => tables.change(revision),
      changesFrom: (revision, limit) => tables.changesFrom(revision, limit),
    });
    this.#commits = new GroupCommit({
      commit: (changes) => tables.commit(changes),
      committed: (changes) => this.#committed(changes),
      failed: (error) => this.#failed(error),
    });
    this.#expiry = new Expiry({ clock, tables, remove: (key, revision) => this.#removeExpired(key, revision) });
    this.#mapped = new MappedMemory({ clock, tables, isIdle: () => !this.#closing && this.#commits.isIdle });
    this.leases = new Leases({ clock, expire: async (id) => void (await this.revokeLease(id)) }, tables.leases());
    this.#sweeping = this.#sweep(); // finish a compaction that a crash interrupted
    this.#sweeping.catch(() => {}); // the next compaction begins where this one stopped
  }

  async get(
    key: string,
    { at, signal }: { readonly at?: Revision; readonly signal: AbortSignal },
  ): Promise<{ readonly revision: Revision; readonly entry: Entry | undefined }> {
    this.#checkOpen(signal);
    if (at === undefined) {
      return { revision: BigInt(this.tables.head()), entry: this.#entryNow(key) };
    }
    const revision = this.#checkRevision(at);
    const state = this.tables.state(key);
    const lastChange = lastChangeAt(revision);
    if (state && state.modRevision <= lastChange) return { revision: at, entry: this.#entryNow(key) };
    const version = this.tables.supersededAt(key, lastChange);
    return { revision: at, entry: version && this.#entryOf(version.modRevision) };
  }

  async list(
    range: KeyRange,
    { at, limit, signal }: { readonly at?: Revision; readonly limit: number; readonly signal: AbortSignal },
  ): Promise<Page> {
    this.#checkOpen(signal);
    const head = this.tables.head();
    const revision = at === undefined ? head : this.#checkRevision(at);
    const { revisions, remaining } =
      revision === head ? pageOfHead(this.tables, range, limit) : pageAt(this.tables, range, revision, limit);
    return { revision: BigInt(revision), entries: revisions.map((found) => this.#entryOf(found)), remaining };
  }

  async write(key: string, value: Uint8Array, expected: Revision, options: WriteOptions): Promise<WriteResult> {
    checkSizes(key, value);
    return this.#change(key, value, expected, options);
  }

  async remove(key: string, expected: Revision, options: Omit<WriteOptions, 'ttlMs'>): Promise<WriteResult> {
    return this.#change(key, undefined, expected, options);
  }

  watch(range: KeyRange, after: Revision, signal: AbortSignal): AsyncIterable<WatchBatch> {
    return this.#hub.watch(range, Number(after), signal);
  }

  async loaded(signal: AbortSignal): Promise<void> {
    await this.#sweeping.catch(() => {});
    this.#checkOpen(signal);
    if (this.#commits.isIdle) await this.tables.unmap();
  }

  async compact(before: Revision, signal: AbortSignal): Promise<void> {
    this.#checkOpen(signal);
    const revision = Number(before);
    if (revision > this.#head) throw futureRevision(before, this.#head);
    if (revision <= this.#compacted) return;
    // Readers are refused before anything disappears.
    this.#compacted = revision;
    await this.#translating(() => this.tables.setCompacted(revision));
    this.#sweeping = this.#sweeping.catch(() => {}).then(() => this.#sweep());
    await this.#translating(() => this.#sweeping);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#expiry.stop();
    this.#mapped.stop();
    this.leases.stop();
    await this.#commits.drain();
    await this.#sweeping.catch(() => {});
    this.#hub.close();
    await this.tables.close();
    this.#unlock();
  }

  async #change(
    key: string,
    value: Uint8Array | undefined,
    expected: Revision,
    options: WriteOptions,
  ): Promise<WriteResult> {
    for (;;) {
      this.#checkOpen(options.signal);
      const pending = this.#pending.get(key);
      const before = pending?.state ?? this.tables.state(key) ?? absent;
      if (revisionOf(before.modRevision) === Number(expected) && (value || before.modRevision !== 0)) {
        if (value) this.#checkRoom();
        return { outcome: 'written', revision: BigInt(await this.#commit(key, value, before, options)) };
      }
      if (!pending) return { outcome: 'conflict', current: this.#entryNow(key) };
      // The write that won is not durable yet. Whoever is told of it must not see it vanish.
      const committed = await pending.done.then(
        () => true,
        () => false,
      );
      const entry = this.#entryNow(key);
      if (committed && (entry?.modRevision ?? 0n) !== expected) return { outcome: 'conflict', current: entry };
    }
  }

  /** Decides and queues a change without giving up the thread in between; resolves with its revision when durable. */
  async #commit(key: string, value: Uint8Array | undefined, before: KeyState, options: WriteOptions): Promise<number> {
    this.#checkQueue();
    const revision = ++this.#assigned;
    const nowMs = this.#clock.nowMs();
    const createRevision = before.modRevision === 0 ? revision : before.createRevision;
    const expiresAtMs = options.ttlMs === undefined ? 0 : Math.ceil(nowMs + options.ttlMs);
    const version = value ? before.version + 1 : 0;
    const change: Change = {
      type: value ? 'put' : 'delete',
      key,
      previous: before.modRevision,
      createRevision,
      writtenAtMs: nowMs,
      version,
      lease: noLease,
      cause: options.cause,
      value: value ?? noBytes,
    };
    const state = value ? { modRevision: revision, createRevision, expiresAtMs, version, lease: noLease } : absent;
    await this.#enqueue([{ pending: { revision, before, expiresAtMs, change }, state }]);
    return revision;
  }

  #enqueue(changes: readonly { readonly pending: PendingChange; readonly state: KeyState }[]): Promise<void> {
    const done = this.#commits.add(changes.map(({ pending }) => pending));
    this.#lastDone = done;
    for (const { pending, state } of changes) {
      const { revision, change } = pending;
      this.#pending.set(change.key, { revision, change, state, done });
    }
    return done;
  }

  get head(): number {
    return this.tables.head();
  }

  get compacted(): number {
    return this.#compacted;
  }

  async transact<T>(work: (transaction: Transaction) => T): Promise<{ readonly revision: number; readonly result: T }> {
    this.#checkOpen(neverAborted);
    this.#checkQueue();
    const transaction = new Transaction({
      revision: this.#assigned + 1,
      nowMs: this.#clock.nowMs(),
      state: (key) => this.#pending.get(key)?.state ?? this.tables.state(key) ?? absent,
      version: (state, key) => this.#versionOf(state, key),
      states: ({ from, to }) => this.tables.states(from, to),
      pendingStates: (range) => this.#pendingStates(range),
    });
    const result = work(transaction);
    const { changes, revision } = transaction;
    if (changes.length === 0) {
      // What was seen must not vanish: the writes it rests on are waited for.
      const seen = this.#assigned;
      await this.#lastDone;
      return { revision: seen, result };
    }
    if (changes.some(({ pending }) => pending.change.type === 'put')) this.#checkRoom();
    this.#assigned = revision;
    await this.#enqueue(changes);
    return { revision, result };
  }

  #versionOf({ modRevision }: KeyState, key: string): Version | undefined {
    const pending = this.#pending.get(key);
    const change = pending?.revision === modRevision ? pending.change : this.tables.change(modRevision);
    if (!change) throw new StorageError('corrupt', `the record of revision ${modRevision} is missing`);
    return { number: modRevision, change };
  }

  *#pendingStates({ from, to }: KeyRange): Generator<{ key: string; state: KeyState }> {
    for (const [key, { state }] of this.#pending) if (key >= from && key < to) yield { key, state };
  }

  watchChanges(range: KeyRange, after: number, signal: AbortSignal): AsyncIterable<WatchedBatch> {
    return this.#hub.watch(range, after, signal, { atCompaction: true });
  }

  async grantLease(id: bigint, ttlSeconds: number): Promise<void> {
    this.#checkOpen(neverAborted);
    this.#checkRoom();
    this.leases.start(id, ttlSeconds);
    await this.#translating(() => this.tables.putLease(id, ttlSeconds)).catch((error: unknown) => {
      this.leases.forget(id);
      throw error;
    });
  }

  async revokeLease(id: bigint): Promise<number> {
    // No new key may come to hang on it; those that are on their way must be on the disk to be found.
    this.leases.forget(id);
    await this.#lastDone.catch(() => {});
    const keys = [...this.tables.keysOfLease(id)].sort();
    const { revision } = await this.transact((transaction) => {
      for (const key of keys) {
        if (transaction.get(key)?.change.lease === id) transaction.remove(key, expiryCause);
      }
    });
    await this.#translating(() => this.tables.removeLease(id));
    return revision;
  }

  #checkQueue(): void {
    if (!this.#commits.isFull) return;
    throw new StorageError('unavailable', `more than ${queuedChangesMax} writes wait for the disk`);
  }

  #committed(changes: readonly PendingChange[]): void {
    for (const { revision, change, expiresAtMs } of changes) {
      // A later write of the key may be queued already.
      if (this.#pending.get(change.key)?.revision === revision) this.#pending.delete(change.key);
      if (expiresAtMs !== 0) this.#expiry.expect(expiresAtMs);
      this.#mapped.wrote(change.value.length);
      this.#head = revisionOf(revision);
    }
    this.#hub.publish(changes);
  }

  /** Everything queued is void: go on from what the tables say. */
  #failed(error: unknown): unknown {
    this.#pending.clear();
    this.#head = this.tables.head();
    this.#assigned = this.#head;
    this.#hub.reset();
    const told = this.#translate(error);
    if (told instanceof StorageError && told.reason === 'full') {
      this.#full = { untilMs: this.#clock.monotonicMs() + fullRetryMs, error: told };
    }
    return told;
  }

  async #removeExpired(key: string, revision: number): Promise<void> {
    await this.#change(key, undefined, BigInt(revisionOf(revision)), { signal: neverAborted, cause: expiryCause });
  }

  async #sweep(): Promise<void> {
    while (!this.#closing && revisionOf(this.tables.swept()) < this.#compacted) {
      await this.tables.sweep(this.#compacted, sweepChangesMax);
    }
  }

  #entryNow(key: string): Entry | undefined {
    const state = this.tables.state(key);
    return state && this.#entryOf(state.modRevision);
  }

  #entryOf(revision: number): Entry {
    const change = this.tables.change(revision);
    if (!change) throw new StorageError('corrupt', `the record of revision ${revision} is missing`);
    return {
      key: change.key,
      value: change.value,
      createRevision: BigInt(revisionOf(change.createRevision)),
      modRevision: BigInt(revisionOf(revision)),
      cause: change.cause,
    };
  }

  #checkOpen(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.#closing) throw new StorageError('unavailable', 'the store is closed');
  }

  #checkRevision(at: Revision): number {
    const head = this.tables.head();
    if (at > BigInt(head)) throw futureRevision(at, head);
    if (at < BigInt(this.#compacted)) {
      const text = `revision ${at} has been compacted: the history begins at ${this.#compacted}`;
      throw new StorageError('compacted', text);
    }
    return Number(at);
  }

  /** While the disk is full, deletes must not share a transaction with what fails. */
  #checkRoom(): void {
    if (this.#full && this.#clock.monotonicMs() < this.#full.untilMs) throw this.#full.error;
  }

  async #translating<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #translate(error: unknown): unknown {
    if (error instanceof StorageError) return error;
    const text = `write to the data directory ${this.#directory}: ${messageOf(error)}`;
    return new StorageError('unavailable', text, { cause: error });
  }
}

const noBytes = new Uint8Array(0);
const neverAborted = new AbortController().signal;
const expiryCause = JSON.stringify({ controller: 'expiry' });
