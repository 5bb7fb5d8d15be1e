/**
 * Reads the protobuf bodies that clients written in Go send for built-in kinds, as the JSON that the same object has.
 *
 *   "k8s\0" | runtime.Unknown { typeMeta: 1 { apiVersion: 1, kind: 2 }, raw: 2 }      `raw` holds the object
 *
 * Protobuf and JSON differ where Go has its own ideas: embedded structs are messages here and flattened there; times, quantities and
 * some others are messages here and scalars there. And Go always writes fields that are no pointers, so that an empty string or a zero
 * may mean "not given": it is dropped, except in fields that are pointers in Go, where it was meant.
 */
import { parseApiVersion } from '../resources.ts';
import { builtInSchemas } from '../schema/built-in-schemas.ts';
import { definitionOfMessage, messageOfDefinition, type ProtobufField, protobufMessage } from './protobuf-messages.ts';

/** The bytes are no object that this server knows. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

const magic = [0x6b, 0x38, 0x73, 0x00];

/** Throws ProtobufError. */
export function decodeProtobuf(bytes: Uint8Array): Record<string, unknown> {
  if (!magic.every((byte, index) => bytes[index] === byte)) {
    throw new ProtobufError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  const { typeMeta, raw } = readUnknown(new Reader(bytes.subarray(magic.length)));
  const { group, version } = parseApiVersion(typeMeta.apiVersion);
  const schema = builtInSchemas.kind({ group, version, kind: typeMeta.kind });
  const definition = schema?.name ?? (typeMeta.kind === 'DeleteOptions' ? deleteOptions : undefined);
  if (!definition) {
    const name = JSON.stringify(typeMeta.kind);
    throw new ProtobufError(`no kind ${name} is registered for version ${JSON.stringify(typeMeta.apiVersion)}`);
  }
  return { ...typeMeta, ...(readMessage(new Reader(raw), messageOfDefinition(definition), 0) as object) };
}

/** Of every group. */
const deleteOptions = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';

function readUnknown(reader: Reader) {
  const typeMeta = { kind: '', apiVersion: '' };
  let raw = new Uint8Array(0);
  while (!reader.isAtEnd) {
    const { number, wireType } = reader.tag();
    if (number === 1) readTypeMeta(new Reader(reader.bytes()), typeMeta);
    else if (number === 2) raw = new Uint8Array(reader.bytes());
    else reader.skip(wireType);
  }
  return { typeMeta, raw };
}

function readTypeMeta(reader: Reader, into: { kind: string; apiVersion: string }): void {
  while (!reader.isAtEnd) {
    const { number, wireType } = reader.tag();
    if (number === 1) into.apiVersion = reader.text();
    else if (number === 2) into.kind = reader.text();
    else reader.skip(wireType);
  }
}

/** As for JSON: deeper objects are refused. */
const depthMax = 1000;

type Fields = Record<string, unknown>;

function readMessage(reader: Reader, name: string, depth: number): unknown {
  if (depth > depthMax) throw new ProtobufError('the message is nested too deeply');
  const message = protobufMessage(name);
  if (!message) throw new ProtobufError(`no message ${name}`);
  const schema = builtInSchemas.definition(definitionOfMessage(name));
  const fields: Fields = {};
  while (!reader.isAtEnd) {
    const { number, wireType } = reader.tag();
    const field = message.get(number);
    if (!field) {
      reader.skip(wireType);
      continue;
    }
    if (field.isMap) readMapEntry(new Reader(reader.bytes()), field, ownRecord(fields, field.name), depth);
    else if (field.repeated) readRepeated(reader, wireType, field, fields, depth);
    else {
      const value = readValue(reader, wireType, field.type, depth);
      const isEmbedded = schema !== undefined && !scalarTypes.has(field.type) && !schema.fields.has(field.name);
      if (isEmbedded) Object.assign(fields, value);
      else if (!isUnset(field.name, value)) fields[field.name] = value;
    }
  }
  const flatten = flattened[name.slice(name.lastIndexOf('.') + 1)];
  return flatten ? flatten(fields) : fields;
}

const scalarTypes = new Set(['string', 'bool', 'bytes', 'double', 'int32', 'int64']);

function readRepeated(reader: Reader, wireType: number, field: ProtobufField, fields: Fields, depth: number): void {
  const list = (fields[field.name] ?? []) as unknown[];
  fields[field.name] = list;
  const isPacked = wireType === 2 && (field.type === 'int32' || field.type === 'int64' || field.type === 'bool');
  if (!isPacked) {
    list.push(readValue(reader, wireType, field.type, depth));
    return;
  }
  const packed = new Reader(reader.bytes());
  while (!packed.isAtEnd) list.push(readValue(packed, 0, field.type, depth));
}

function readMapEntry(reader: Reader, { type }: ProtobufField, into: Fields, depth: number): void {
  let key = '';
  let value: unknown = type === 'string' || type === 'bytes' ? '' : undefined;
  while (!reader.isAtEnd) {
    const { number, wireType } = reader.tag();
    if (number === 1) key = reader.text();
    else if (number === 2) value = readValue(reader, wireType, type, depth);
    else reader.skip(wireType);
  }
  Object.defineProperty(into, key, { value, enumerable: true, configurable: true, writable: true });
}

function readValue(reader: Reader, wireType: number, type: string, depth: number): unknown {
  switch (type) {
    case 'string':
      return reader.text();
    case 'bytes':
      return toBase64(reader.bytes());
    case 'bool':
      return reader.varint() !== 0n;
    case 'int32':
      return Number(BigInt.asIntN(32, reader.varint()));
    case 'int64':
      return Number(BigInt.asIntN(64, reader.varint()));
    case 'double':
      return reader.double();
    default:
      if (wireType !== 2) throw new ProtobufError(`wire type ${wireType} for a ${type}`);
      return readMessage(new Reader(reader.bytes()), type, depth + 1);
  }
}

function ownRecord(fields: Fields, name: string): Fields {
  const known = fields[name] as Fields | undefined;
  if (known) return known;
  const made: Fields = {};
  fields[name] = made;
  return made;
}

/** Messages that JSON writes as something else, by their short names. */
const flattened: Readonly<Record<string, (fields: Fields) => unknown>> = {
  Quantity: ({ string }) => string ?? '0',
  QuantityValue: ({ string }) => string ?? '0',
  IntOrString: ({ type, intVal, strVal }) => (type === 1 ? (strVal ?? '') : (intVal ?? 0)),
  Time: (fields) => timeText(fields)?.replace(/\.\d+Z$/, 'Z') ?? null,
  MicroTime: (fields) => timeText(fields) ?? null,
  FieldsV1: ({ Raw }) => jsonFrom(Raw),
  RawExtension: ({ raw }) => jsonFrom(raw),
  ExtraValue: ({ items }) => items ?? [],
  Verbs: ({ items }) => items ?? [],
};

/** Go's zero time, "none", is written as an empty message. */
function timeText({ seconds, nanos = 0 }: { seconds?: unknown; nanos?: unknown }): string | undefined {
  if (seconds === undefined) return undefined;
  const ms = Number(seconds) * 1000;
  const micros = Math.floor(Number(nanos) / 1000);
  return `${new Date(ms).toISOString().slice(0, 19)}.${String(micros).padStart(6, '0')}Z`;
}

function jsonFrom(base64: unknown): unknown {
  if (typeof base64 !== 'string' || base64 === '') return null;
  try {
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))));
  } catch (error) {
    throw new ProtobufError('an embedded object is no JSON', { cause: error });
  }
}

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function isUnset(name: string, value: unknown): boolean {
  if (value === null) return true;
  if (value !== '' && value !== 0 && value !== false) return false;
  return !pointers.has(name);
}

/** Fields that are pointers in Go: there a zero, a false or an empty string is a value. */
const pointers = new Set([
  ...['activeDeadlineSeconds', 'backoffLimit', 'completions', 'parallelism', 'ttlSecondsAfterFinished', 'replicas'],
  ...['defaultMode', 'mode', 'deletionGracePeriodSeconds', 'gracePeriodSeconds', 'terminationGracePeriodSeconds'],
  ...['expirationSeconds', 'fsGroup', 'runAsGroup', 'runAsUser', 'tolerationSeconds', 'priority', 'partition'],
  ...[
    'progressDeadlineSeconds',
    'revisionHistoryLimit',
    'leaseDurationSeconds',
    'leaseTransitions',
    'port',
    'timeoutSeconds',
  ],
  ...['tailLines', 'sinceSeconds', 'limitBytes', 'exitCode'],
  ...[
    'allowPrivilegeEscalation',
    'automountServiceAccountToken',
    'blockOwnerDeletion',
    'controller',
    'enableServiceLinks',
  ],
  ...['hostUsers', 'immutable', 'optional', 'orphanDependents', 'privileged', 'readOnlyRootFilesystem', 'runAsNonRoot'],
  ...['ready', 'serving', 'terminating', 'setHostnameAsFQDN', 'shareProcessNamespace', 'suspend', 'force', 'started'],
  ...['allocateLoadBalancerNodePorts', 'storageClassName', 'ingressClassName'],
]);

/** One message's bytes, read from the front. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  tag(): { number: number; wireType: number } {
    const tag = Number(this.varint());
    return { number: Math.floor(tag / 8), wireType: tag % 8 };
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new ProtobufError('unexpected EOF');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new ProtobufError('a varint is too long');
  }

  bytes(): Uint8Array {
    const length = Number(this.varint());
    const start = this.#at;
    if (start + length > this.#bytes.length) throw new ProtobufError('unexpected EOF');
    this.#at = start + length;
    return this.#bytes.subarray(start, this.#at);
  }

  text(): string {
    return new TextDecoder().decode(this.bytes());
  }

  double(): number {
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    if (this.#at + 8 > this.#bytes.length) throw new ProtobufError('unexpected EOF');
    const value = view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  skip(wireType: number): void {
    if (wireType === 0) this.varint();
    else if (wireType === 1) this.#at += 8;
    else if (wireType === 2) this.bytes();
    else if (wireType === 5) this.#at += 4;
    else throw new ProtobufError(`wire type ${wireType}`);
    if (this.#at > this.#bytes.length) throw new ProtobufError('unexpected EOF');
  }
}
