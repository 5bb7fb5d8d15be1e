/**
 * The LMDB tables of the embedded store, and what one transaction does to them. Reads are synchronous and see one
 * state for as long as the caller does not give up the thread.
 *
 *     changes      change                    -> the change (`records.ts`); kept while current or within the history
 *     current      key                       -> state of the key
 *     superseded   [key, change]             -> versions that are not current any more, until compaction
 *     expiry       [milliseconds, change]    -> key
 *     leases       lease                     -> lifetime in seconds; leases of the etcd API
 *     leased       [lease, key]              -> (nothing); the keys that hang on a lease
 *     (root)       head, compacted, swept, format, identity: history before `compacted` is gone for readers, what it
 *                  held is erased up to `swept` (a change)
 */
import type { RootDatabase } from 'lmdb';
import { StorageError } from '../backend.ts';
import { checkDataFile } from './check-data-file.ts';
import { DataFileSpace, pageBytes } from './data-file-space.ts';
import { openError, reasonOf } from './lmdb-errors.ts';
import { unmappedBytesMin } from './mapped-memory.ts';
import { type OpenTables, openTables } from './open-tables.ts';
import {
  type Change,
  changeStep,
  decodeChange,
  decodeKeyState,
  decodeSuperseded,
  encodeChange,
  encodeKeyState,
  encodeSuperseded,
  type KeyState,
  lastChangeAt,
  noLease,
  revisionOf,
  type SupersededVersion,
} from './records.ts';

/** Raised when the layout changes in a way that older code would misread. Format 1 is read and carried on as format 2. */
const formatVersion = 2;

export interface StoredVersion extends SupersededVersion {
  readonly key: string;
  readonly modRevision: number;
}

/** A change on its way into the tables, with the state of its key before it. */
export interface PendingChange {
  /** The number of the change (see `records.ts`). */
  readonly revision: number;
  readonly change: Change;
  readonly before: KeyState;
  readonly expiresAtMs: number;
}

export interface SnapshotEntry {
  readonly state: KeyState;
  readonly change: Change;
}

export interface Snapshot {
  readonly head: number;
  readonly entries: Iterable<SnapshotEntry>;
  close(): void;
}

/** An entry as a backup has it, with revisions as numbers. */
export interface LoadedEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly cause: string;
  readonly createRevision: number;
  readonly modRevision: number;
  /** 0 = never. */
  readonly expiresAtMs: number;
}

const snapshotPageEntries = 256;

/** What the store needs of its tables. The simulator keeps them in memory, on a disk that it models. */
export type StoreTables = Omit<Tables, 'snapshot' | 'load' | 'finishLoad'>;

export class Tables {
  readonly #path: string;
  #db: OpenTables;
  readonly #space: DataFileSpace;
  /** Transactions and snapshots. */
  #underWay = 0;
  /** Settles with the last transaction that was begun. */
  #last: Promise<unknown> = Promise.resolve();

  /** `readOnly`: beside the process that has the store open, or alone. */
  constructor(path: string, { readOnly = false }: { readonly readOnly?: boolean } = {}) {
    this.#path = path;
    checkDataFile(path);
    try {
      this.#db = openTables(path, readOnly);
      if (!readOnly) this.#initialise();
      this.#checkFormat();
      this.#space = new DataFileSpace(
        path,
        () => (this.#db.root.getStats() as { lastPageNumber: number }).lastPageNumber,
      );
    } catch (error) {
      if (error instanceof StorageError) throw error;
      throw openError(path, error);
    }
  }

  /**
   * Gives back the memory of pages that were read: LMDB maps the file, and a page that was touched counts as this process' own from then on.
   * Does nothing while something is under way (see `mapped-memory.ts`).
   */
  async unmap(): Promise<void> {
    if (!this.isIdle || this.sizes().usedBytes < unmappedBytesMin) return;
    this.#last = this.#last.then(async () => {
      await this.#db.root.close();
      this.#db = openTables(this.#path, false);
    });
    await this.#last;
  }

  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  #initialise(): void {
    const format = this.#db.root.get('format');
    if (format === undefined) {
      this.#db.root.transactionSync(() => {
        void this.#db.root.put('format', encodeNumber(formatVersion));
        void this.#db.root.put('compacted', encodeNumber(0));
        void this.#db.root.put('swept', encodeNumber(0));
        // The empty store is at revision 1, so that 0 always means "before everything".
        void this.#db.root.put('head', encodeNumber(1));
      });
    } else if (format.readDoubleBE(0) === 1) {
      this.#db.root.transactionSync(() => void this.#db.root.put('format', encodeNumber(formatVersion)));
    }
  }

  #checkFormat(): void {
    const format = this.#number('format');
    if (format > formatVersion) {
      const text = `the data directory has format ${format}, this version knows format ${formatVersion}`;
      throw new StorageError('corrupt', text);
    }
  }

  head(): number {
    return this.#number('head');
  }

  compacted(): number {
    return this.#number('compacted');
  }

  swept(): number {
    return this.#number('swept');
  }

  #number(name: string): number {
    const value = this.#db.root.get(name);
    if (value?.length !== 8) throw new StorageError('corrupt', `the data file has no ${name}`);
    return value.readDoubleBE(0);
  }

  state(key: string): KeyState | undefined {
    const record = this.#db.current.get(key);
    return record && decodeKeyState(record);
  }

  change(revision: number): Change | undefined {
    // lmdb hands out one buffer again and again, longer than what is in it; what is kept of it is copied.
    const shared = this.#db.changes.getBinaryFast(revision);
    if (!shared) return undefined;
    const change = decodeChange(shared.subarray(0, shared.length), revision);
    return { ...change, value: Buffer.from(change.value) };
  }

  /** Changes from a number on, in order; `limit` or more of them, since a revision is never cut in two. */
  *changesFrom(revision: number, limit: number): Generator<{ revision: number; change: Change }> {
    let seen = 0;
    let last = 0;
    for (const { key, value } of this.#db.changes.getRange({ start: revision })) {
      if (++seen > limit && revisionOf(key) !== revisionOf(last)) return;
      last = key;
      yield { revision: key, change: decodeChange(value, key) };
    }
  }

  *states(from: string, to: string): Generator<{ key: string; state: KeyState }> {
    for (const { key, value } of this.#db.current.getRange({ start: from, end: to })) {
      yield { key, state: decodeKeyState(value) };
    }
  }

  countStates(from: string, to: string): number {
    return this.#db.current.getKeysCount({ start: from, end: to });
  }

  *supersededVersions(from: string, to: string): Generator<StoredVersion> {
    for (const { key, value } of this.#db.superseded.getRange({ start: [from, 0], end: [to, 0] })) {
      yield { key: key[0], modRevision: key[1], ...decodeSuperseded(value) };
    }
  }

  /** The superseded version of a key that was current at a revision. */
  supersededAt(key: string, revision: number): StoredVersion | undefined {
    const range = { start: [key, revision] as [string, number], end: [key, 0] as [string, number] };
    for (const { key: id, value } of this.#db.superseded.getRange({ ...range, reverse: true, limit: 1 })) {
      const version = decodeSuperseded(value);
      if (revision < version.supersededAt) return { key, modRevision: id[1], ...version };
    }
    return undefined;
  }

  /**
   * Everything that is current, in the order of keys, as the moment of the call saw it, however long the reading takes.
   * `close` lets LMDB use the pages again that writers have given up since.
   */
  snapshot(): Snapshot {
    const transaction = this.#db.root.useReadTransaction();
    const head = this.#db.root.get('head', { transaction })?.readDoubleBE(0) ?? 0;
    this.#underWay++;
    const close = () => {
      this.#underWay--;
      transaction.done();
    };
    return { head, entries: this.#entriesOf(transaction), close };
  }

  *#entriesOf(transaction: ReturnType<RootDatabase['useReadTransaction']>): Generator<SnapshotEntry> {
    for (let from = ''; ; ) {
      // A page at a time: a cursor of lmdb-js does not outlive the turn of the event loop safely.
      const page = [...this.#db.current.getRange({ start: from, limit: snapshotPageEntries, transaction })];
      for (const { key, value } of page) {
        const state = decodeKeyState(value);
        const record = this.#db.changes.get(state.modRevision, { transaction });
        if (!record) throw new StorageError('corrupt', `the record of revision ${state.modRevision} is missing`);
        yield { state, change: decodeChange(record, state.modRevision) };
        from = `${key}\0`;
      }
      if (page.length < snapshotPageEntries) return;
    }
  }

  /** Puts entries into a store that is being made; `finishLoad` makes it one. They may come in any order of keys. */
  async load(entries: readonly LoadedEntry[]): Promise<void> {
    const pages = entries.reduce((sum, { value }) => sum + pagesPerChange + Math.ceil(value.length / pageBytes), 0);
    await this.#space.reserve(pages + pagesPerTransaction, false);
    this.#db.root.transactionSync(() => {
      for (const entry of entries) this.#load(entry);
    });
  }

  #load({ key, value, cause, createRevision, modRevision, expiresAtMs }: LoadedEntry): void {
    let number = modRevision;
    while (this.#db.changes.doesExist(number)) number += changeStep;
    const kept = { createRevision, version: createRevision === modRevision ? 1 : 2, lease: noLease };
    const change: Change = { type: 'put', key, value, cause, previous: 0, writtenAtMs: 0, ...kept };
    void this.#db.changes.put(number, encodeChange(change));
    void this.#db.current.put(key, encodeKeyState({ modRevision: number, expiresAtMs, ...kept }));
    if (expiresAtMs !== 0) void this.#db.expiry.put([expiresAtMs, number], Buffer.from(key));
  }

  /** There is no history: who asks for what was before is told that it has been compacted. */
  async finishLoad(head: number): Promise<void> {
    await this.#transaction(0, false, () => {
      void this.#db.root.put('head', encodeNumber(head));
      void this.#db.root.put('compacted', encodeNumber(head));
      void this.#db.root.put('swept', encodeNumber(lastChangeAt(head)));
    });
  }

  /** What has expired by `nowMs`, oldest first. */
  *expired(nowMs: number, limit: number): Generator<{ atMs: number; revision: number; key: string }> {
    for (const { key, value } of this.#db.expiry.getRange({ end: [nowMs + 1, 0], limit })) {
      yield { atMs: key[0], revision: key[1], key: value.toString() };
    }
  }

  nextExpiryMs(): number | undefined {
    for (const key of this.#db.expiry.getKeys({ limit: 1 })) return key[0];
    return undefined;
  }

  /** One durable transaction. The changes are in order of their revisions. */
  async commit(changes: readonly PendingChange[]): Promise<void> {
    const pages = changes.reduce((sum, pending) => sum + pagesOf(pending), 0);
    const isFreeing = changes.every(({ change }) => change.type === 'delete');
    await this.#transaction(pages, isFreeing, () => {
      for (const pending of changes) this.#put(pending);
      const last = changes.at(-1);
      if (last) void this.#db.root.put('head', encodeNumber(revisionOf(last.revision)));
    });
  }

  #put({ revision, change, before, expiresAtMs }: PendingChange): void {
    void this.#db.changes.put(revision, encodeChange(change));
    if (before.modRevision !== 0) {
      const version = { createRevision: before.createRevision, supersededAt: revision };
      void this.#db.superseded.put([change.key, before.modRevision], encodeSuperseded(version));
      if (before.expiresAtMs !== 0) void this.#db.expiry.remove([before.expiresAtMs, before.modRevision]);
      if (before.lease !== noLease && before.lease !== change.lease) {
        void this.#db.leased.remove([leaseName(before.lease), change.key]);
      }
    }
    if (change.type === 'delete') {
      void this.#db.current.remove(change.key);
      return;
    }
    const { createRevision, version, lease } = change;
    void this.#db.current.put(
      change.key,
      encodeKeyState({ modRevision: revision, createRevision, expiresAtMs, version, lease }),
    );
    if (expiresAtMs !== 0) void this.#db.expiry.put([expiresAtMs, revision], Buffer.from(change.key));
    if (lease !== noLease && lease !== before.lease) void this.#db.leased.put([leaseName(lease), change.key], nothing);
  }

  ttlSecondsOf(lease: bigint): number | undefined {
    return this.#db.leases?.get(leaseName(lease))?.readDoubleBE(0);
  }

  *leases(): Generator<{ lease: bigint; ttlSeconds: number }> {
    for (const { key, value } of this.#db.leases?.getRange({}) ?? []) {
      yield { lease: BigInt(`0x${key}`), ttlSeconds: value.readDoubleBE(0) };
    }
  }

  *keysOfLease(lease: bigint): Generator<string> {
    const name = leaseName(lease);
    for (const [, key] of this.#db.leased.getKeys({ start: [name, ''], end: [`${name}\0`, ''] })) yield key;
  }

  async putLease(lease: bigint, ttlSeconds: number): Promise<void> {
    await this.#transaction(pagesPerChange, false, () => {
      void this.#db.leases?.put(leaseName(lease), encodeNumber(ttlSeconds));
    });
  }

  /** The keys that hang on it are removed before, by changes of their own. */
  async removeLease(lease: bigint): Promise<void> {
    await this.#transaction(pagesPerChange, true, () => void this.#db.leases?.remove(leaseName(lease)));
  }

  /** Sixteen bytes that tell this store from others; made when first asked for. */
  async identity(make: () => Buffer): Promise<Buffer> {
    const known = this.#db.root.get('identity');
    if (known) return known;
    const made = make();
    await this.#transaction(pagesPerChange, true, () => void this.#db.root.put('identity', made));
    return made;
  }

  sizes(): { readonly fileBytes: number; readonly usedBytes: number } {
    const stats = this.#db.root.getStats() as { lastPageNumber: number };
    return { fileBytes: this.#space.allocatedBytes, usedBytes: (stats.lastPageNumber + 1) * pageBytes };
  }

  async setCompacted(revision: number): Promise<void> {
    await this.#transaction(0, true, () => void this.#db.root.put('compacted', encodeNumber(revision)));
  }

  /**
   * Erases what the next changes after `swept`, up to the revision `to`, superseded, and the deletes before `to`: about
   * `limit` changes in one transaction. Begin again until `swept` is behind `to`. A delete at `to` goes next time: a watch
   * may still begin there.
   */
  async sweep(to: number, limit: number): Promise<void> {
    let reached = lastChangeAt(to);
    let seen = 0;
    const superseded: { key: string; revision: number }[] = [];
    const deletes: number[] = [];
    for (const { revision, change } of this.changesFrom(revisionOf(this.swept()), limit)) {
      if (revision > reached) break;
      if (++seen >= limit) reached = lastChangeAt(revisionOf(revision));
      if (change.previous !== 0) superseded.push({ key: change.key, revision: change.previous });
      if (change.type === 'delete' && revisionOf(revision) < to) deletes.push(revision);
    }
    await this.#transaction(Math.max(limit, seen) * pagesPerSweptChange, true, () => {
      void this.#db.root.put('swept', encodeNumber(reached));
      for (const { key, revision } of superseded) {
        void this.#db.superseded.remove([key, revision]);
        void this.#db.changes.remove(revision);
      }
      for (const revision of deletes) void this.#db.changes.remove(revision);
    });
    // A process that read a backup and was killed would hold its pages for ever.
    this.#db.root.readerCheck();
  }

  /** One at a time, so that what was reserved for a transaction is used by that one. */
  #transaction(pages: number, isFreeing: boolean, work: () => void): Promise<void> {
    this.#underWay++;
    const done = this.#last.then(async () => {
      await this.#space.reserve(pages + pagesPerTransaction, isFreeing);
      try {
        await this.#db.root.batch(work);
      } catch (error) {
        throw await reasonOf(error);
      }
    });
    this.#last = done
      .catch(() => {})
      .finally(() => {
        this.#underWay--;
      });
    return done;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#space.close();
    await this.#db.root.close();
  }
}

/**
 * Upper estimates of the pages that a transaction writes. Every table that a change touches costs a leaf and its split
 * half; inner pages, the free list and the meta tables are shared by the transaction.
 */
const pagesPerTransaction = 64;
const pagesPerChange = 9;
const pagesPerSweptChange = 3;

function pagesOf({ change }: PendingChange): number {
  return pagesPerChange + Math.ceil((change.value.length + change.cause.length + change.key.length) / pageBytes);
}

const nothing = Buffer.alloc(0);

/** Sorts as the number does. */
function leaseName(lease: bigint): string {
  return BigInt.asUintN(64, lease).toString(16).padStart(16, '0');
}

function encodeNumber(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(value);
  return bytes;
}
