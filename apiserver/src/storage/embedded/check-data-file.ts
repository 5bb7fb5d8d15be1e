/**
 * LMDB maps its file into memory and trusts it: a file that was cut short would kill the process with SIGBUS on first
 * touch. So what the two meta pages claim is compared with the file before LMDB opens it.
 *
 * A page begins with a header of 24 bytes; the meta behind it is, little-endian:
 * u32 magic at 0, u32 version at 4, u64 address at 8, u64 map size at 16, two table descriptors of 48 bytes at 24
 * (u32 page size at the begin of the first), u64 last page at 120, u64 transaction at 128.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import { StorageError } from '../backend.ts';

const magic = 0xbeefc0de;
const pageHeaderBytes = 24;

/** Throws `StorageError` 'corrupt' when the file cannot be a whole LMDB file. A missing or empty file is fine. */
export function checkDataFile(path: string): void {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw new StorageError('unavailable', `open ${path}: ${messageOf(error)}`, { cause: error });
  }
  try {
    const sizeBytes = fstatSync(file).size;
    if (sizeBytes === 0) return;
    const first = readMeta(file, 0);
    const pageSizeBytes = first?.pageSizeBytes ?? 4096;
    const second = readMeta(file, pageSizeBytes);
    const metas = [first, second].filter((meta) => meta !== undefined);
    if (metas.length === 0) throw corrupt(path, 'it does not begin as a data file of this store');
    const newest = metas.reduce((a, b) => (b.transaction > a.transaction ? b : a));
    const neededBytes = (newest.lastPage + 1n) * BigInt(pageSizeBytes);
    if (BigInt(sizeBytes) < neededBytes) {
      throw corrupt(path, `it was cut short: ${sizeBytes} bytes are there, ${neededBytes} bytes are in use`);
    }
  } finally {
    closeSync(file);
  }
}

interface Meta {
  readonly pageSizeBytes: number;
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

function readMeta(file: number, offset: number): Meta | undefined {
  const meta = Buffer.alloc(136);
  if (readSync(file, meta, 0, meta.length, offset + pageHeaderBytes) < meta.length) return undefined;
  if (meta.readUInt32LE(0) !== magic) return undefined;
  const pageSizeBytes = meta.readUInt32LE(24);
  if (pageSizeBytes < 512 || pageSizeBytes > 65536 || (pageSizeBytes & (pageSizeBytes - 1)) !== 0) return undefined;
  return { pageSizeBytes, lastPage: meta.readBigUInt64LE(120), transaction: meta.readBigUInt64LE(128) };
}

function corrupt(path: string, what: string): StorageError {
  return new StorageError('corrupt', `${path} is damaged: ${what}; restore the data directory from a backup`);
}
