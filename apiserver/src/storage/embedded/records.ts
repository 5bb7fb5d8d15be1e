/**
 * The records of the embedded store, as bytes. All numbers are big-endian.
 *
 * A change has a number, a double: its revision, plus a multiple of `changeStep` when a transaction of the etcd API changed
 * several keys at one revision. All that is called a revision inside the tables is such a number. So a revision is
 * below 2^39 (17 years at 1,000 changes a second) and holds at most 16,384 changes.
 *
 * A change (table `changes`, never rewritten):
 *
 *     0  u32  CRC-32 of everything behind it
 *     4  u8   type: 1 put, 2 delete
 *     5  u8   layout: 1; 0 in what format 1 wrote, which has no version and no lease
 *     6  u16  length of the key
 *     8  u32  length of the cause
 *    12  f64  number of the change of this key that this one supersedes, 0 when the key did not exist
 *    20  f64  number of the change that created the key
 *    28  f64  wall clock of the write, milliseconds since the epoch
 *    36  f64  how often the key was written since it was created
 *    44  i64  lease that the key hangs on, 0 = none
 *    52  key, cause, value (the rest)
 *
 * The state of a key (table `current`): f64 modRevision, f64 createRevision, f64 expiry (0 = never), f64 version,
 * i64 lease; format 1 had the first three.
 */
import { crc32 } from 'node:zlib';
import { StorageError } from '../backend.ts';

/** The distance of two changes at one revision. */
export const changeStep = 2 ** -14;

/** Changes that one revision can hold. */
export const changesPerRevisionMax = 1 / changeStep;

/** The revision of a change, from its number. */
export function revisionOf(change: number): number {
  return Math.floor(change);
}

/** The highest number that a change at this revision can have. */
export function lastChangeAt(revision: number): number {
  return revision + 1 - changeStep;
}

export const noLease = 0n;

export interface Change {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly previous: number;
  readonly createRevision: number;
  readonly writtenAtMs: number;
  /** 0 for a delete. */
  readonly version: number;
  readonly lease: bigint;
  readonly cause: string;
  /** Empty for a delete. */
  readonly value: Uint8Array;
}

export interface KeyState {
  /** 0 = the key does not exist. */
  readonly modRevision: number;
  readonly createRevision: number;
  /** Milliseconds since the epoch, 0 = never. */
  readonly expiresAtMs: number;
  /** Writes since the key was created. */
  readonly version: number;
  readonly lease: bigint;
}

const headerBytes = 52;
const oldHeaderBytes = 36;

export function encodeChange(change: Change): Buffer {
  const keyLength = Buffer.byteLength(change.key);
  const causeLength = Buffer.byteLength(change.cause);
  const record = Buffer.allocUnsafe(headerBytes + keyLength + causeLength + change.value.length);
  record[4] = change.type === 'put' ? 1 : 2;
  record[5] = 1;
  record.writeUInt16BE(keyLength, 6);
  record.writeUInt32BE(causeLength, 8);
  record.writeDoubleBE(change.previous, 12);
  record.writeDoubleBE(change.createRevision, 20);
  record.writeDoubleBE(change.writtenAtMs, 28);
  record.writeDoubleBE(change.version, 36);
  record.writeBigInt64BE(change.lease, 44);
  record.write(change.key, headerBytes);
  record.write(change.cause, headerBytes + keyLength);
  record.set(change.value, headerBytes + keyLength + causeLength);
  record.writeUInt32BE(crc32(record.subarray(4)), 0);
  return record;
}

export function decodeChange(record: Buffer, revision: number): Change {
  if (record.length < oldHeaderBytes || crc32(record.subarray(4)) !== record.readUInt32BE(0)) {
    throw new StorageError('corrupt', `the record of revision ${revision} is damaged: its checksum does not match`);
  }
  const isOld = record[5] === 0;
  const keyStart = isOld ? oldHeaderBytes : headerBytes;
  const causeStart = keyStart + record.readUInt16BE(6);
  const valueStart = causeStart + record.readUInt32BE(8);
  return {
    type: record[4] === 1 ? 'put' : 'delete',
    key: record.toString('utf8', keyStart, causeStart),
    previous: record.readDoubleBE(12),
    createRevision: record.readDoubleBE(20),
    writtenAtMs: record.readDoubleBE(28),
    version: isOld ? 1 : record.readDoubleBE(36),
    lease: isOld ? noLease : record.readBigInt64BE(44),
    cause: record.toString('utf8', causeStart, valueStart),
    value: record.subarray(valueStart),
  };
}

export function encodeKeyState(state: KeyState): Buffer {
  const record = Buffer.allocUnsafe(40);
  record.writeDoubleBE(state.modRevision, 0);
  record.writeDoubleBE(state.createRevision, 8);
  record.writeDoubleBE(state.expiresAtMs, 16);
  record.writeDoubleBE(state.version, 24);
  record.writeBigInt64BE(state.lease, 32);
  return record;
}

export function decodeKeyState(record: Buffer): KeyState {
  const isOld = record.length === 24;
  if (record.length !== 40 && !isOld) throw new StorageError('corrupt', 'a record of the key index is damaged');
  return {
    modRevision: record.readDoubleBE(0),
    createRevision: record.readDoubleBE(8),
    expiresAtMs: record.readDoubleBE(16),
    version: isOld ? 1 : record.readDoubleBE(24),
    lease: isOld ? noLease : record.readBigInt64BE(32),
  };
}

/** A version that was current from its own revision until `supersededAt`. */
export interface SupersededVersion {
  readonly createRevision: number;
  readonly supersededAt: number;
}

export function encodeSuperseded(version: SupersededVersion): Buffer {
  const record = Buffer.allocUnsafe(16);
  record.writeDoubleBE(version.createRevision, 0);
  record.writeDoubleBE(version.supersededAt, 8);
  return record;
}

export function decodeSuperseded(record: Buffer): SupersededVersion {
  if (record.length !== 16) throw new StorageError('corrupt', 'a record of the version index is damaged');
  return { createRevision: record.readDoubleBE(0), supersededAt: record.readDoubleBE(8) };
}
