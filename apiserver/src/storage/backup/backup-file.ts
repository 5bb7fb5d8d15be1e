/**
 * The file of a backup. Numbers are big-endian.
 *
 *     0   8 bytes  "SLIPWAYB"
 *     8   u32      format, 1
 *     12  u64      revision of the store
 *     20           records, one behind the other, then the end record, then nothing
 *
 *     record:      u32 length of the body, u32 CRC-32 of the body, body
 *     entry body:  u8 1, u64 createRevision, u64 modRevision, f64 end of its life (ms since the epoch, 0 = none),
 *                  u32 length of the key, u32 length of the cause (0xffffffff = none), key, cause (JSON), value
 *     end body:    u8 2, u64 number of entries, 32 bytes SHA-256 of all bytes before the end record
 */
import { crc32 } from 'node:zlib';
import { invariant } from '@slipway/kit/invariant';
import { StorageError } from '../backend.ts';
import type { DumpedEntry } from './dump.ts';

export const headerBytes = 20;
export const frameBytes = 8;
const magic = Buffer.from('SLIPWAYB');
const format = 1;
const noCause = 0xffff_ffff;
const entryFieldBytes = 33;
export const endBodyBytes = 41;

/** Above any entry of a store (32 MiB of value, with key and cause). */
export const bodyBytesMax = 40 * 1024 * 1024;

const types = { entry: 1, end: 2 } as const;

export function encodeHeader(revision: bigint): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeUInt32BE(format, 8);
  header.writeBigUInt64BE(revision, 12);
  return header;
}

/** Answers the revision of the store. */
export function decodeHeader(header: Buffer, path: string): bigint {
  if (header.length < headerBytes || !header.subarray(0, 8).equals(magic)) {
    throw new StorageError('corrupt', `${path} is not a backup of slipway`);
  }
  const found = header.readUInt32BE(8);
  if (found !== format) {
    const text = `${path} is a backup of format ${found}, this version reads format ${format}; use the version that wrote it`;
    throw new StorageError('corrupt', text);
  }
  return header.readBigUInt64BE(12);
}

export function encodeEntry(entry: DumpedEntry): Buffer {
  const key = Buffer.from(entry.key);
  const cause = entry.cause === undefined ? undefined : Buffer.from(entry.cause);
  const bodyBytes = entryFieldBytes + key.length + (cause?.length ?? 0) + entry.value.length;
  invariant(bodyBytes <= bodyBytesMax, 'a store bounds its entries');
  const record = Buffer.alloc(frameBytes + bodyBytes);
  const body = record.subarray(frameBytes);
  body[0] = types.entry;
  body.writeBigUInt64BE(entry.createRevision, 1);
  body.writeBigUInt64BE(entry.modRevision, 9);
  body.writeDoubleBE(entry.expiresAtMs ?? 0, 17);
  body.writeUInt32BE(key.length, 25);
  body.writeUInt32BE(cause?.length ?? noCause, 29);
  key.copy(body, entryFieldBytes);
  cause?.copy(body, entryFieldBytes + key.length);
  body.set(entry.value, entryFieldBytes + key.length + (cause?.length ?? 0));
  return framed(record);
}

export function encodeEnd(count: number, sha256: Buffer): Buffer {
  const record = Buffer.alloc(frameBytes + endBodyBytes);
  record[frameBytes] = types.end;
  record.writeBigUInt64BE(BigInt(count), frameBytes + 1);
  sha256.copy(record, frameBytes + 9);
  return framed(record);
}

function framed(record: Buffer): Buffer {
  record.writeUInt32BE(record.length - frameBytes, 0);
  record.writeUInt32BE(crc32(record.subarray(frameBytes)), 4);
  return record;
}

export type BackupRecord =
  | { readonly type: 'entry'; readonly entry: DumpedEntry }
  | { readonly type: 'end'; readonly count: number; readonly sha256: Buffer };

/** The length of a body, from its frame; undefined when there cannot be such a body. */
export function bodyLength(frame: Buffer): number | undefined {
  const length = frame.readUInt32BE(0);
  return length >= 1 && length <= bodyBytesMax ? length : undefined;
}

/** Decodes what a frame announced; undefined when it is damaged. */
export function decodeBody(frame: Buffer, body: Buffer): BackupRecord | undefined {
  if (crc32(body) !== frame.readUInt32BE(4)) return undefined;
  if (body[0] === types.end && body.length === endBodyBytes) {
    return { type: 'end', count: Number(body.readBigUInt64BE(1)), sha256: body.subarray(9) };
  }
  if (body[0] !== types.entry || body.length < entryFieldBytes) return undefined;
  const keyEnd = entryFieldBytes + body.readUInt32BE(25);
  const causeLength = body.readUInt32BE(29);
  const causeEnd = keyEnd + (causeLength === noCause ? 0 : causeLength);
  if (causeEnd > body.length) return undefined;
  return {
    type: 'entry',
    entry: {
      key: body.toString('utf8', entryFieldBytes, keyEnd),
      cause: causeLength === noCause ? undefined : body.toString('utf8', keyEnd, causeEnd),
      value: body.subarray(causeEnd),
      createRevision: body.readBigUInt64BE(1),
      modRevision: body.readBigUInt64BE(9),
      expiresAtMs: body.readDoubleBE(17) || undefined,
    },
  };
}
