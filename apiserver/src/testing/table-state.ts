import {
  type Change,
  type KeyState,
  lastChangeAt,
  noLease,
  revisionOf,
  type SupersededVersion,
} from '../storage/embedded/records.ts';
import type { PendingChange, StoredVersion } from '../storage/embedded/tables.ts';

/** The contents of the embedded store's tables (see `embedded/tables.ts`), as plain maps. */
export class TableState {
  head = 1;
  compacted = 0;
  swept = 0;
  identity: Buffer | undefined;
  readonly leases = new Map<bigint, number>();
  readonly #current = new Map<string, KeyState>();
  readonly #superseded = new Map<string, Map<number, SupersededVersion>>();
  readonly #changes = new Map<number, Change>();
  /** The keys of `#changes`, ascending. */
  #numbers: number[] = [];

  clone(): TableState {
    const copy = new TableState();
    copy.head = this.head;
    copy.compacted = this.compacted;
    copy.swept = this.swept;
    copy.identity = this.identity;
    for (const [id, seconds] of this.leases) copy.leases.set(id, seconds);
    for (const [key, state] of this.#current) copy.#current.set(key, state);
    for (const [key, versions] of this.#superseded) copy.#superseded.set(key, new Map(versions));
    for (const [number, change] of this.#changes) copy.#changes.set(number, change);
    copy.#numbers = [...this.#numbers];
    return copy;
  }

  put({ revision, change, before, expiresAtMs }: PendingChange): void {
    this.#changes.set(revision, change);
    this.#numbers.push(revision);
    if (before.modRevision !== 0) {
      const versions = this.#superseded.get(change.key) ?? new Map<number, SupersededVersion>();
      versions.set(before.modRevision, { createRevision: before.createRevision, supersededAt: revision });
      this.#superseded.set(change.key, versions);
    }
    const { createRevision, version, lease } = change;
    if (change.type === 'delete') this.#current.delete(change.key);
    else this.#current.set(change.key, { modRevision: revision, createRevision, expiresAtMs, version, lease });
    this.head = Math.max(this.head, revisionOf(revision));
  }

  state(key: string): KeyState | undefined {
    return this.#current.get(key);
  }

  change(number: number): Change | undefined {
    return this.#changes.get(number);
  }

  *changesFrom(number: number): Generator<{ revision: number; change: Change }> {
    for (let at = this.#indexOf(number); at < this.#numbers.length; at++) {
      const revision = this.#numbers[at] ?? 0;
      const change = this.#changes.get(revision);
      if (change) yield { revision, change };
    }
  }

  /** In the order of keys. */
  states(from: string, to: string): { key: string; state: KeyState }[] {
    const found: { key: string; state: KeyState }[] = [];
    for (const [key, state] of this.#current) if (key >= from && key < to) found.push({ key, state });
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** In the order of keys, then of revisions. */
  supersededVersions(from: string, to: string): StoredVersion[] {
    const found: StoredVersion[] = [];
    for (const [key, versions] of this.#superseded) {
      if (key < from || key >= to) continue;
      for (const [modRevision, version] of versions) found.push({ key, modRevision, ...version });
    }
    return found.sort((a, b) => (a.key === b.key ? a.modRevision - b.modRevision : a.key < b.key ? -1 : 1));
  }

  supersededAt(key: string, number: number): StoredVersion | undefined {
    for (const [modRevision, version] of this.#superseded.get(key) ?? []) {
      if (modRevision <= number && number < version.supersededAt) return { key, modRevision, ...version };
    }
    return undefined;
  }

  /** What expires at all, soonest first. */
  expiring(): { atMs: number; revision: number; key: string }[] {
    const found: { atMs: number; revision: number; key: string }[] = [];
    for (const [key, { expiresAtMs, modRevision }] of this.#current) {
      if (expiresAtMs !== 0) found.push({ atMs: expiresAtMs, revision: modRevision, key });
    }
    return found.sort((a, b) => a.atMs - b.atMs || a.revision - b.revision);
  }

  keysOfLease(lease: bigint): string[] {
    if (lease === noLease) return [];
    return [...this.#current].filter(([, state]) => state.lease === lease).map(([key]) => key);
  }

  /** Erases what compaction gave up, as `Tables.sweep` does, but all at once. */
  sweep(to: number): void {
    const reached = lastChangeAt(to);
    for (const { revision, change } of [...this.changesFrom(revisionOf(this.swept))]) {
      if (revision > reached) break;
      if (change.previous !== 0) {
        this.#superseded.get(change.key)?.delete(change.previous);
        this.#changes.delete(change.previous);
      }
      if (change.type === 'delete' && revisionOf(revision) < to) this.#changes.delete(revision);
    }
    this.#numbers = this.#numbers.filter((number) => this.#changes.has(number));
    this.swept = reached;
  }

  /** The place of the first number that is not below. */
  #indexOf(number: number): number {
    let low = 0;
    let high = this.#numbers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#numbers[middle] ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
