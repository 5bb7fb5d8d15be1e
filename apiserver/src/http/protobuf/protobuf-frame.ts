/**
 * Watch events in protobuf, as client-go reads them: four bytes of length, then a WatchEvent { type: 1, object: 2 { raw: 1 } }, whose object
 * has an envelope of its own.
 */
import { envelopeHead, envelopeTail } from '@slipway/api/protobuf/envelope';
import { varintSize } from '@slipway/api/protobuf/wire-writer';
import type { ServedResource } from '../../registry/kinds.ts';
import type { Encodable } from './encoded-objects.ts';
import { protobufBytes, rawObject, typeMetaOf } from './protobuf-answer.ts';

/** Of a stored object. */
export function storedFrame(type: string, stored: Encodable, served: ServedResource): Buffer[] {
  const raw = rawObject(stored, served);
  return frame(type, [envelopeHead(typeMetaOf(served), raw.length), raw, envelopeTail]);
}

/** Of a bookmark, a Status, or another shape of an object. */
export function objectFrame(type: string, object: object): Buffer[] {
  return frame(type, [protobufBytes(object)]);
}

const typeTag = 0x0a;
const objectTag = 0x12;
const rawTag = 0x0a;

function frame(type: string, parts: readonly Uint8Array[]): Buffer[] {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const extension = 1 + varintSize(size) + size;
  const message = 2 + type.length + 1 + varintSize(extension) + extension;
  const head = Buffer.alloc(4 + message - size);
  let at = head.writeUInt32BE(message, 0);
  head[at++] = typeTag;
  head[at++] = type.length;
  at += head.write(type, at, 'latin1');
  at = putHead(head, at, objectTag, extension);
  putHead(head, at, rawTag, size);
  return [head, ...parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))];
}

function putHead(into: Buffer, start: number, tag: number, size: number): number {
  let at = start;
  into[at++] = tag;
  let rest = size;
  for (; rest > 0x7f; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}
