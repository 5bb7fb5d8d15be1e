/**
 * The records of the embedded store, as bytes. All numbers are big-endian.
 *
 * A change (table `changes`, one per revision, never rewritten):
 *
 *     0  u32  CRC-32 of everything behind it
 *     4  u8   type: 1 put, 2 delete
 *     5  u8   reserved, 0
 *     6  u16  length of the key
 *     8  u32  length of the cause
 *    12  f64  revision of the change of this key that this one supersedes, 0 when the key did not exist
 *    20  f64  revision that created the key
 *    28  f64  wall clock of the write, milliseconds since the epoch
 *    36  key, cause, value (the rest)
 *
 * The state of a key (table `current`): f64 modRevision, f64 createRevision, f64 expiry (0 = never).
 *
 * Revisions are counted in doubles inside: 2^53 changes are 28,000 years at 10,000 changes a second.
 */
import { crc32 } from 'node:zlib';
import { StorageError } from '../backend.ts';

export interface Change {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly previous: number;
  readonly createRevision: number;
  readonly writtenAtMs: number;
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
}

const headerBytes = 36;

export function encodeChange(change: Change): Buffer {
  const keyLength = Buffer.byteLength(change.key);
  const causeLength = Buffer.byteLength(change.cause);
  const record = Buffer.allocUnsafe(headerBytes + keyLength + causeLength + change.value.length);
  record[4] = change.type === 'put' ? 1 : 2;
  record[5] = 0;
  record.writeUInt16BE(keyLength, 6);
  record.writeUInt32BE(causeLength, 8);
  record.writeDoubleBE(change.previous, 12);
  record.writeDoubleBE(change.createRevision, 20);
  record.writeDoubleBE(change.writtenAtMs, 28);
  record.write(change.key, headerBytes);
  record.write(change.cause, headerBytes + keyLength);
  record.set(change.value, headerBytes + keyLength + causeLength);
  record.writeUInt32BE(crc32(record.subarray(4)), 0);
  return record;
}

export function decodeChange(record: Buffer, revision: number): Change {
  if (record.length < headerBytes || crc32(record.subarray(4)) !== record.readUInt32BE(0)) {
    throw new StorageError('corrupt', `the record of revision ${revision} is damaged: its checksum does not match`);
  }
  const causeStart = headerBytes + record.readUInt16BE(6);
  const valueStart = causeStart + record.readUInt32BE(8);
  return {
    type: record[4] === 1 ? 'put' : 'delete',
    key: record.toString('utf8', headerBytes, causeStart),
    previous: record.readDoubleBE(12),
    createRevision: record.readDoubleBE(20),
    writtenAtMs: record.readDoubleBE(28),
    cause: record.toString('utf8', causeStart, valueStart),
    value: record.subarray(valueStart),
  };
}

export function encodeKeyState(state: KeyState): Buffer {
  const record = Buffer.allocUnsafe(24);
  record.writeDoubleBE(state.modRevision, 0);
  record.writeDoubleBE(state.createRevision, 8);
  record.writeDoubleBE(state.expiresAtMs, 16);
  return record;
}

export function decodeKeyState(record: Buffer): KeyState {
  if (record.length !== 24) throw new StorageError('corrupt', 'a record of the key index is damaged');
  return {
    modRevision: record.readDoubleBE(0),
    createRevision: record.readDoubleBE(8),
    expiresAtMs: record.readDoubleBE(16),
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
