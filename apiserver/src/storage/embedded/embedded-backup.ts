/**
 * Backup of the embedded store: LMDB's own snapshot, read from the file beside the process that has it open, or without
 * one. Restore: a whole new data file is made, then takes the place of the old one by a rename.
 */
import { access, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '@slipway/kit/errors';
import { StorageError } from '../backend.ts';
import {
  type Dump,
  type DumpedEntry,
  privatePrefixes,
  type Restored,
  type RestoreOptions,
  type RestoreSource,
} from '../backup/dump.ts';
import { lockDirectory } from './directory-lock.ts';
import { noLease, revisionOf } from './records.ts';
import { type LoadedEntry, type SnapshotEntry, Tables } from './tables.ts';

/** Bounds of one transaction of a restore. */
const loadEntriesMax = 1_000;
const loadBytesMax = 8 * 1024 * 1024;

/** A lease that nobody knows any more: what hangs on it has this long to live. */
const unknownLeaseSeconds = 3_600;

/** Opens the store of a directory for reading while another process may write to it. */
export async function dumpEmbedded(directory: string, nowMs: number): Promise<Dump> {
  const path = join(directory, 'data');
  await access(path).catch((cause) => {
    throw new StorageError('unavailable', `there is no store in ${directory}`, { cause });
  });
  const tables = new Tables(path, { readOnly: true });
  const snapshot = tables.snapshot();
  async function* entries(): AsyncGenerator<DumpedEntry> {
    for (const entry of snapshot.entries) {
      if (!privatePrefixes.some((prefix) => entry.change.key.startsWith(prefix)))
        yield dumpedEntry(entry, tables, nowMs);
    }
  }
  return {
    revision: BigInt(snapshot.head),
    entries: entries(),
    close: async () => {
      snapshot.close();
      await tables.close();
    },
  };
}

function dumpedEntry({ state, change }: SnapshotEntry, tables: Tables, nowMs: number): DumpedEntry {
  const hangs = state.lease !== noLease;
  const leaseEndMs = hangs ? nowMs + (tables.ttlSecondsOf(state.lease) ?? unknownLeaseSeconds) * 1_000 : undefined;
  return {
    key: change.key,
    value: change.value,
    cause: change.cause,
    createRevision: BigInt(revisionOf(state.createRevision)),
    modRevision: BigInt(revisionOf(state.modRevision)),
    expiresAtMs: leaseEndMs ?? (state.expiresAtMs || undefined),
  };
}

/** Throws `StorageError` 'locked' when a process has the store open, 'notEmpty' when it holds entries. */
export async function restoreEmbedded(
  directory: string,
  source: RestoreSource,
  options: RestoreOptions,
): Promise<Restored> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const unlock = lockDirectory(directory);
  const made = join(directory, 'restoring');
  try {
    const before = await headBefore(directory, options.replace);
    // Left over from a restore that was cut off.
    await rm(made, { recursive: true, force: true });
    await mkdir(made, { mode: 0o700 });
    const highest = Math.max(before, Number(source.revision));
    const head = highest + Number(options.bump) + 1;
    await fill(join(made, 'data'), source, head, options.signal);
    await rm(join(directory, 'data-lock'), { force: true }); // the table of readers of the file that goes
    await rename(join(made, 'data'), join(directory, 'data'));
    await syncDirectory(directory);
    return { revision: BigInt(head), keepsRevisions: true };
  } finally {
    await rm(made, { recursive: true, force: true });
    unlock();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The newest revision of what is there. Throws when it holds entries and may not be replaced. */
async function headBefore(directory: string, replace: boolean): Promise<number> {
  const path = join(directory, 'data');
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return 0;
  let tables: Tables;
  try {
    tables = new Tables(path, { readOnly: true });
  } catch (error) {
    // A damaged store is what backups are for.
    if (replace) return 0;
    throw error;
  }
  try {
    if (!replace && [...tables.states('', '\u{10ffff}').take(1)].length > 0) {
      throw new StorageError('notEmpty', `the store in ${directory} is not empty`);
    }
    return tables.head();
  } finally {
    await tables.close();
  }
}

async function fill(path: string, source: RestoreSource, head: number, signal: AbortSignal): Promise<void> {
  const tables = new Tables(path);
  try {
    let batch: LoadedEntry[] = [];
    let bytes = 0;
    for await (const entry of source.entries(signal)) {
      batch.push(loadedEntry(entry));
      bytes += entry.value.length;
      if (batch.length < loadEntriesMax && bytes < loadBytesMax) continue;
      await tables.load(batch);
      batch = [];
      bytes = 0;
    }
    await tables.load(batch);
    await tables.finishLoad(head);
  } catch (error) {
    if (error instanceof StorageError || signal.aborted) throw error;
    throw new StorageError('unavailable', `write ${dirname(path)}: ${messageOf(error)}`, { cause: error });
  } finally {
    await tables.close();
  }
}

function loadedEntry(entry: DumpedEntry): LoadedEntry {
  return {
    key: entry.key,
    value: entry.value,
    cause: entry.cause ?? '',
    createRevision: Number(entry.createRevision),
    modRevision: Number(entry.modRevision),
    expiresAtMs: entry.expiresAtMs === undefined ? 0 : Math.max(Math.ceil(entry.expiresAtMs), 1),
  };
}
