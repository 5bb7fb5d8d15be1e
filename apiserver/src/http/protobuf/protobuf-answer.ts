/** Answers in protobuf: the envelope around what `encoded-objects.ts` keeps. */
import {
  encodeMessage,
  encodeProtobuf,
  envelopeHead,
  envelopeTail,
  messageOfKind,
  ProtobufError,
  type TypeMeta,
} from '@slipway/api/protobuf/envelope';
import { varintSize } from '@slipway/api/protobuf/wire-writer';
import { apiVersionOf } from '@slipway/api/resources';
import { StatusError } from '@slipway/api/status-error';
import type { KubeObject, ListMeta } from '@slipway/api/types';
import type { ServedResource } from '../../registry/kinds.ts';
import type { ObjectList } from '../../registry/list-objects.ts';
import type { Encoded } from '../encode-answer.ts';
import { type Encodable, encodedObjects } from './encoded-objects.ts';

export const protobufType = 'application/vnd.kubernetes.protobuf';

const metaList = { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadataList' };
const partialMessage = 'k8s.io.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata';
const listMetaMessage = 'k8s.io.apimachinery.pkg.apis.meta.v1.ListMeta';

/** Whether a resource's own objects have a protobuf form; custom resources have none. */
export function hasProtobuf(served: ServedResource): boolean {
  return messageOf(served) !== undefined;
}

/** By the schema, because a custom kind may be called like one of the built-in ones. */
function messageOf({ api, schema }: ServedResource): string | undefined {
  return schema.name === '' ? undefined : messageOfKind(typeMetaOf({ api }));
}

export function typeMetaOf({ api }: Pick<ServedResource, 'api'>): TypeMeta {
  return { apiVersion: apiVersionOf(api), kind: api.kind };
}

/** The object as an element of a list, without kind, version and envelope. */
export function rawObject(stored: Encodable, served: ServedResource): Uint8Array {
  const message = messageOf(served);
  if (message === undefined) throw notMarshalable(served.api.kind);
  return served.view ? encodeMessage(message, served.view.toServed(stored.object)) : encodedObjects.of(stored, message);
}

export function storedAnswer(code: number, stored: Encodable, served: ServedResource): Encoded {
  const raw = rawObject(stored, served);
  return protobufEncoded(code, [envelopeHead(typeMetaOf(served), raw.length), raw, envelopeTail]);
}

/** Status, Scale, reviews, PartialObjectMetadata. Throws StatusError NotAcceptable for what has no protobuf form. */
export function objectAnswer(code: number, object: object): Encoded {
  return protobufEncoded(code, [protobufBytes(object)]);
}

export function protobufBytes(object: object): Uint8Array {
  try {
    return encodeProtobuf(object);
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw notMarshalable((object as TypeMeta).kind, error);
  }
}

function notMarshalable(kind: string, cause?: unknown): StatusError {
  return new StatusError(
    'NotAcceptable',
    `object ${kind} does not implement the protobuf marshalling interface and cannot be encoded to a protobuf message`,
    { cause },
  );
}

export function protobufEncoded(code: number, parts: readonly Uint8Array[]): Encoded {
  const bytes = Buffer.concat(parts);
  return { code, contentType: protobufType, bytes: bytes.length, chunks: [bytes] };
}

/** Lets other requests have their turn between slices of work. */
export type Pause = () => Promise<void>;

/** Encoding so many objects takes a few milliseconds. */
const sliceLength = 200;

/** The whole list is encoded before it is sent, because its envelope begins with its size; `pause` is awaited in between. */
export async function listAnswer(
  list: ObjectList,
  metadata: ListMeta,
  served: ServedResource,
  isPartial: boolean,
  pause: Pause,
): Promise<Encoded> {
  const raws: Uint8Array[] = [];
  for (const stored of list.items) {
    raws.push(isPartial ? encodeMessage(partialMessage, partialOf(stored, served)) : rawObject(stored, served));
    if (raws.length % sliceLength === 0) await pause();
  }
  const own = typeMetaOf(served);
  return encodedList(isPartial ? metaList : { ...own, kind: `${own.kind}List` }, metadata, raws);
}

function partialOf(stored: Encodable, { view }: ServedResource): Pick<KubeObject, 'metadata'> {
  const { metadata } = view ? view.toServed(stored.object) : stored.object;
  return { metadata };
}

const metadataTag = 0x0a;
const itemTag = 0x12;

function encodedList(typeMeta: TypeMeta, metadata: ListMeta, raws: readonly Uint8Array[]): Encoded {
  const listMeta = encodeMessage(listMetaMessage, metadata);
  let size = sizeInside(listMeta);
  for (const raw of raws) size += sizeInside(raw);
  const head = envelopeHead(typeMeta, size);
  const bytes = head.length + size + envelopeTail.length;
  return { code: 200, contentType: protobufType, bytes, chunks: chunksOf(head, listMeta, raws) };
}

function sizeInside(raw: Uint8Array): number {
  return 1 + varintSize(raw.length) + raw.length;
}

/** As for JSON: see `encode-answer.ts`. */
const chunkBytes = 256 * 1024;

function* chunksOf(head: Uint8Array, listMeta: Uint8Array, raws: readonly Uint8Array[]): Generator<Buffer> {
  let chunk = Buffer.allocUnsafe(chunkBytes);
  let at = 0;
  chunk.set(head, at);
  at = putField(chunk, head.length, metadataTag, listMeta);
  for (const raw of raws) {
    if (at + raw.length + fieldHeadMax > chunk.length) {
      yield chunk.subarray(0, at);
      chunk = Buffer.allocUnsafe(Math.max(chunkBytes, raw.length + fieldHeadMax));
      at = 0;
    }
    at = putField(chunk, at, itemTag, raw);
  }
  yield Buffer.concat([chunk.subarray(0, at), envelopeTail]);
}

/** A tag and a length. */
const fieldHeadMax = 6;

function putField(into: Buffer, start: number, tag: number, raw: Uint8Array): number {
  let at = start;
  into[at++] = tag;
  let rest = raw.length;
  for (; rest > 0x7f; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  into.set(raw, at);
  return at + raw.length;
}
