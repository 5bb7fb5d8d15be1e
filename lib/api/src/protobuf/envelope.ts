/**
 * Objects as protobuf, the way that clients written in Go send and receive them:
 *
 *   "k8s\0" | runtime.Unknown { typeMeta: 1 { apiVersion: 1, kind: 2 }, raw: 2, contentEncoding: 3, contentType: 4 }
 *
 * `raw` holds the object without its kind and version.
 */
import { parseApiVersion } from '../resources.ts';
import { builtInSchemas } from '../schema/built-in-schemas.ts';
import { messageCodec } from './message-codec.ts';
import { ProtobufError } from './protobuf-error.ts';
import { messageOfDefinition, protobufMessage } from './protobuf-messages.ts';
import { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

export { ProtobufError } from './protobuf-error.ts';

const magic = Uint8Array.from([0x6b, 0x38, 0x73, 0x00]);
/** contentEncoding and contentType, which Go writes though they are empty. */
export const envelopeTail = Uint8Array.from([0x1a, 0, 0x22, 0]);

export interface TypeMeta {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Kinds of the machinery that are the same under every version. */
const machinery: Readonly<Record<string, string>> = Object.fromEntries(
  ['Status', 'DeleteOptions', 'PartialObjectMetadata', 'PartialObjectMetadataList', 'WatchEvent'].map((kind) => [
    kind,
    `k8s.io.apimachinery.pkg.apis.meta.v1.${kind}`,
  ]),
);

/** Its fields have other numbers than in v1. */
const olderPartialList = 'k8s.io.apimachinery.pkg.apis.meta.v1beta1.PartialObjectMetadataList';

/** The message of a kind; undefined when it has none (Table, custom resources). */
export function messageOfKind({ apiVersion, kind }: TypeMeta): string | undefined {
  const { group, version } = parseApiVersion(apiVersion);
  if (version === 'v1beta1' && kind === 'PartialObjectMetadataList') return olderPartialList;
  const definition = builtInSchemas.kind({ group, version, kind })?.name;
  const message = definition === undefined ? machinery[kind] : messageOfDefinition(definition);
  return message !== undefined && protobufMessage(message) ? message : undefined;
}

/** Encoding is synchronous, so that one writer does for all. */
const writer = new WireWriter();

/** The object without envelope, as it stands in lists. Throws ProtobufError. */
export function encodeMessage(message: string, value: unknown): Uint8Array {
  try {
    messageCodec(message).encode(writer, value);
    return writer.take();
  } finally {
    writer.clear();
  }
}

/** Throws ProtobufError when the kind has no protobuf form. */
export function encodeProtobuf(object: object): Uint8Array {
  const typeMeta = object as TypeMeta;
  const message = messageOfKind(typeMeta);
  if (message === undefined) {
    throw new ProtobufError(`kind ${typeMeta.kind} of ${typeMeta.apiVersion} has no protobuf form`);
  }
  const raw = encodeMessage(message, object);
  return joined([envelopeHead(typeMeta, raw.length), raw, envelopeTail]);
}

/** What stands before `rawLength` bytes of an object; `envelopeTail` stands behind them. */
export function envelopeHead(typeMeta: TypeMeta, rawLength: number): Uint8Array {
  writer.varint(10);
  const start = writer.begin();
  writer.varint(10);
  writer.text(typeMeta.apiVersion);
  writer.varint(18);
  writer.text(typeMeta.kind);
  writer.end(start);
  writer.varint(18);
  writer.varint(rawLength);
  return joined([magic, writer.take()]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Throws ProtobufError. */
export function decodeProtobuf(bytes: Uint8Array): Record<string, unknown> {
  if (!magic.every((byte, index) => bytes[index] === byte)) {
    throw new ProtobufError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  const { typeMeta, raw } = readUnknown(new WireReader(bytes.subarray(magic.length)));
  const message = messageOfKind(typeMeta);
  if (message === undefined) {
    const { kind, apiVersion } = typeMeta;
    throw new ProtobufError(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
  }
  const object = messageCodec(message).decode(new WireReader(raw), raw.length, 0);
  return { kind: typeMeta.kind, apiVersion: typeMeta.apiVersion, ...(object as object) };
}

function readUnknown(reader: WireReader): { typeMeta: TypeMeta; raw: Uint8Array } {
  let typeMeta: TypeMeta = { kind: '', apiVersion: '' };
  let raw: Uint8Array = new Uint8Array(0);
  while (reader.at < reader.length) {
    const tag = reader.uint32();
    if (tag === 10) typeMeta = readTypeMeta(new WireReader(reader.bytes()));
    else if (tag === 18) raw = reader.bytes();
    else reader.skip(tag & 7);
  }
  return { typeMeta, raw };
}

function readTypeMeta(reader: WireReader): TypeMeta {
  let kind = '';
  let apiVersion = '';
  while (reader.at < reader.length) {
    const tag = reader.uint32();
    if (tag === 10) apiVersion = reader.text();
    else if (tag === 18) kind = reader.text();
    else reader.skip(tag & 7);
  }
  return { kind, apiVersion };
}
