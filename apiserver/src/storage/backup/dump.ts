/** What a backup holds of a store, between the stores and the file. */
import type { Entry, Revision } from '../backend.ts';

export interface DumpedEntry extends Entry {
  /** Milliseconds since the epoch; undefined = it stays. */
  readonly expiresAtMs: number | undefined;
}

/** All entries of a store as they were at one revision, each key once, in any order. */
export interface Dump {
  readonly revision: Revision;
  readonly entries: AsyncIterable<DumpedEntry>;
  close(): Promise<void>;
}

export interface RestoreOptions {
  /** What the store holds is given up. Otherwise only an empty store is filled. */
  readonly replace: boolean;
  /**
   * Revisions left out above the newest one of the backup: what the lost store gave out since then is not given a second
   * time.
   */
  readonly bump: bigint;
  readonly signal: AbortSignal;
}

export interface Restored {
  /** The revision that the store is at. */
  readonly revision: Revision;
  /** False when the store was beyond the backup's revisions, so that objects got new ones. */
  readonly keepsRevisions: boolean;
}

/** A backup that can be read again and again, and in any order. */
export interface RestoreSource {
  readonly revision: Revision;
  /** The places of all entries with their revisions. */
  readonly places: EntryPlaces;
  entryAt(place: number): Promise<DumpedEntry>;
  /** In the order of the file. */
  entries(signal: AbortSignal): AsyncIterable<DumpedEntry>;
}

/** Three numbers for each entry, so that a backup of a million objects takes 24 MB of memory. */
export interface EntryPlaces {
  readonly count: number;
  readonly offsets: Float64Array;
  readonly createRevisions: Float64Array;
  readonly modRevisions: Float64Array;
}

/** Keys that the etcd store keeps for itself: causes of deletions, and what a restore fills gaps with. */
export const privatePrefixes: readonly string[] = ['/slipway-causes', '/slipway-fences', '/slipway-restore'];
