/** The LMDB environment of a data file, with its tables (see `tables.ts`). */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { pageBytes } from './data-file-space.ts';

/** Address space, not memory and not disk; LMDB maps more when the file outgrows it. */
const mapSizeBytes = 2 ** 32;

export interface OpenTables {
  readonly root: RootDatabase<Buffer, string>;
  readonly changes: Database<Buffer, number>;
  readonly current: Database<Buffer, string>;
  readonly superseded: Database<Buffer, [string, number]>;
  readonly expiry: Database<Buffer, [number, number]>;
  /** Missing when a store of format 1 is opened for reading only. */
  readonly leases: Database<Buffer, string> | undefined;
  readonly leased: Database<Buffer, [string, string]>;
}

export function openTables(path: string, readOnly: boolean): OpenTables {
  const root = open<Buffer, string>({
    path,
    noSubdir: true,
    readOnly,
    encoding: 'binary',
    mapSize: mapSizeBytes,
    maxDbs: 8,
    pageSize: pageBytes,
    // A commit is on the disk (fdatasync, then the meta page through O_DSYNC) before its promise resolves.
    overlappingSync: false,
    // Batching is done by `GroupCommit`; lmdb's own would add promises that nobody handles when a commit fails.
    eventTurnBatching: false,
  });
  const tables: OpenTables = {
    root,
    changes: root.openDB({ name: 'changes', encoding: 'binary' }),
    current: root.openDB({ name: 'current', encoding: 'binary' }),
    superseded: root.openDB({ name: 'superseded', encoding: 'binary' }),
    expiry: root.openDB({ name: 'expiry', encoding: 'binary' }),
    leases: root.openDB({ name: 'leases', encoding: 'binary' }),
    leased: root.openDB({ name: 'leased', encoding: 'binary' }),
  };
  syncDirectory(dirname(path));
  return tables;
}

/** A new file survives a power cut only when its directory is on the disk too. */
function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
