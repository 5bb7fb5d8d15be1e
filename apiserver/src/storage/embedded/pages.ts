/** Which versions a list shows, as revisions in the order of their keys. */
import type { KeyRange } from '../backend.ts';
import { lastChangeAt } from './records.ts';
import type { StoreTables } from './tables.ts';

interface RevisionPage {
  readonly revisions: readonly number[];
  readonly remaining: number;
}

/** The newest state: a walk over the key index, the rest of the range counted without decoding. */
export function pageOfHead(tables: StoreTables, { from, to }: KeyRange, limit: number): RevisionPage {
  const revisions: number[] = [];
  if (from >= to) return { revisions, remaining: 0 };
  for (const { key, state } of tables.states(from, to)) {
    if (limit > 0 && revisions.length === limit) return { revisions, remaining: tables.countStates(key, to) };
    revisions.push(state.modRevision);
  }
  return { revisions, remaining: 0 };
}

/** The state at an earlier revision: current keys that are old enough, merged with what was superseded since. */
export function pageAt(tables: StoreTables, range: KeyRange, revision: number, limit: number): RevisionPage {
  const revisions: number[] = [];
  let remaining = 0;
  for (const found of versionsAt(tables, range, lastChangeAt(revision))) {
    if (limit === 0 || revisions.length < limit) revisions.push(found);
    else remaining++;
  }
  return { revisions, remaining };
}

function* versionsAt(tables: StoreTables, { from, to }: KeyRange, lastChange: number): Generator<number> {
  if (from >= to) return;
  // A key is in at most one of the two: current since before the revision, or superseded after it.
  const past = pastVersions(tables, from, to, lastChange);
  let version = past.next();
  for (const { key, state } of tables.states(from, to)) {
    if (state.modRevision > lastChange) continue;
    for (; !version.done && version.value.key < key; version = past.next()) yield version.value.modRevision;
    yield state.modRevision;
  }
  for (; !version.done; version = past.next()) yield version.value.modRevision;
}

function* pastVersions(tables: StoreTables, from: string, to: string, lastChange: number) {
  for (const version of tables.supersededVersions(from, to)) {
    if (version.modRevision <= lastChange && lastChange < version.supersededAt) yield version;
  }
}
