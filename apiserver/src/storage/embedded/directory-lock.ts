/**
 * One process per data directory. The lock is a record lock of the kernel, taken through SQLite (part of Node, which
 * itself has no `flock`): it disappears with the process, however that ends, so there are no stale locks. SQLite also
 * keeps two openers inside one process apart. The file beside it only tells people who holds the lock.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '@slipway/kit/errors';
import { StorageError } from '../backend.ts';

/** SQLITE_BUSY and SQLITE_LOCKED. */
const heldCodes = new Set([5, 6]);

/** Takes the lock and returns its release. Throws `StorageError` 'locked' that names the holder. */
export function lockDirectory(directory: string): () => void {
  const ownerFile = join(directory, 'owner');
  const database = new DatabaseSync(join(directory, 'lock'), { timeout: 0 });
  try {
    // Nothing is ever written, so there is no journal; an exclusive transaction is the lock.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    const code = (error as { errcode?: unknown }).errcode;
    if (typeof code === 'number' && heldCodes.has(code & 0xff)) throw heldError(directory, ownerFile, error);
    throw new StorageError('unavailable', `lock data directory ${directory}: ${messageOf(error)}`, { cause: error });
  }
  try {
    writeFileSync(ownerFile, `${process.pid}\n`);
  } catch {
    // A full disk: the lock holds all the same.
  }
  return () => {
    rmSync(ownerFile, { force: true });
    database.close();
  };
}

function heldError(directory: string, ownerFile: string, cause: unknown): StorageError {
  let holder = 'another process';
  try {
    const pid = readFileSync(ownerFile, 'utf8').trim();
    if (pid) holder = `process ${pid}`;
  } catch {
    // The holder is between taking the lock and saying so.
  }
  return new StorageError(
    'locked',
    `data directory ${directory} is in use by ${holder}; stop that process or choose another data directory`,
    { cause },
  );
}
