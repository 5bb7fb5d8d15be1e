/**
 * Objects between their JSON form and their protobuf form, compiled from the table of messages when a message is first used. What stands
 * here is where Go's JSON and Go's protobuf differ:
 *
 *   - Embedded structs are messages in protobuf, and flattened in JSON.
 *   - Times, quantities and some others are messages in protobuf, and scalars in JSON.
 *   - Go always writes scalars that are no pointers: a zero there means "not given", and is dropped unless JSON requires the field.
 *   - Some fields have another name in protobuf (`uID`, `xKubernetesListType`).
 */
import { builtInSchemas } from '../schema/built-in-schemas.ts';
import type { ObjectSchema } from '../schema/structural-schema.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { pointerFields } from './pointer-fields.ts';
import { ProtobufError } from './protobuf-error.ts';
import { definitionOfMessage, type ProtobufField, protobufMessage } from './protobuf-messages.ts';
import { type SpecialMessage, specialMessages } from './special-messages.ts';
import { WireReader } from './wire-reader.ts';
import type { WireWriter } from './wire-writer.ts';

type Fields = Record<string, unknown>;

/** Throws ProtobufError both ways. */
export interface MessageCodec {
  /** Appends the fields of the message. */
  encode(writer: WireWriter, value: unknown): void;
  /** Reads to the end of the message; undefined where JSON has nothing. */
  decode(reader: WireReader, end: number, depth: number): unknown;
}

/** As for JSON: deeper objects are refused. */
const depthMax = 1000;

const codecs = new Map<string, MessageCodec>();

/** `k8s.io.api.core.v1.Pod`; one that the table does not know has no fields. */
export function messageCodec(name: string): MessageCodec {
  const known = codecs.get(name);
  if (known) return known;
  // A message without fields is not in the table.
  const codec = new CompiledMessage(name, protobufMessage(name) ?? new Map());
  codecs.set(name, codec);
  return codec;
}

interface CompiledField {
  readonly jsonName: string;
  /** Field number and wire type, as they stand before a value. */
  readonly tag: number;
  /** A struct whose fields JSON has in the place of the struct. */
  readonly embedded: MessageCodec | undefined;
  readonly isMap: boolean;
  readonly repeated: boolean;
  /** Scalars that are zero are dropped when they come from protobuf. */
  readonly dropsZero: boolean;
  readonly value: ValueCodec;
}

interface ValueCodec {
  readonly wireType: 0 | 1 | 2;
  write(writer: WireWriter, value: unknown): void;
  read(reader: WireReader, depth: number): unknown;
}

class CompiledMessage implements MessageCodec {
  readonly #name: string;
  readonly #source: ReadonlyMap<number, ProtobufField>;
  readonly #special: SpecialMessage | undefined;
  readonly #union: Union | undefined;
  #fields: ReadonlyMap<number, CompiledField> | undefined;
  readonly #byName = new Map<string, CompiledField>();
  readonly #embedded: { readonly tag: number; readonly embedded: MessageCodec }[] = [];

  constructor(name: string, source: ReadonlyMap<number, ProtobufField>) {
    const short = name.slice(name.lastIndexOf('.') + 1);
    this.#name = name;
    this.#source = source;
    this.#special = specialMessages[short];
    this.#union = unions[short];
  }

  encode(writer: WireWriter, value: unknown): void {
    if (this.#special) {
      this.#special.encode(writer, value);
      return;
    }
    if (!this.#fields) this.#compile();
    const object = (this.#union ? this.#union.toFields(value) : value) as Fields;
    for (const name in object) {
      const field = this.#byName.get(name);
      const item = object[name];
      if (field === undefined || item === undefined || item === null) continue;
      if (field.isMap) writeMap(writer, field, item as Fields);
      else if (field.repeated) for (const one of item as readonly unknown[]) writeField(writer, field, one);
      else writeField(writer, field, item);
    }
    for (const { tag, embedded } of this.#embedded) {
      writer.varint(tag);
      const start = writer.begin();
      embedded.encode(writer, object);
      writer.end(start);
    }
  }

  decode(reader: WireReader, end: number, depth: number): unknown {
    if (depth > depthMax) throw new ProtobufError('the message is nested too deeply');
    const known = this.#fields ?? this.#compile();
    const fields: Fields = {};
    while (reader.at < end) {
      const tag = reader.uint32();
      const field = known.get(tag >>> 3);
      if (field) readField(reader, tag & 7, field, fields, depth);
      else reader.skip(tag & 7);
    }
    if (reader.at !== end) throw new ProtobufError('unexpected EOF');
    if (this.#special) return this.#special.fromFields(fields);
    return this.#union ? this.#union.fromFields(fields) : fields;
  }

  #compile(): ReadonlyMap<number, CompiledField> {
    const schema = builtInSchemas.definition(definitionOfMessage(this.#name));
    const pointers = pointerFields(this.#name);
    const keepsZeroes = this.#special !== undefined || this.#union !== undefined;
    const fields = new Map<number, CompiledField>();
    for (const [number, field] of this.#source) {
      const compiled = compileField(number, field, { schema, pointers, keepsZeroes });
      fields.set(number, compiled);
      if (compiled.embedded) this.#embedded.push({ tag: compiled.tag, embedded: compiled.embedded });
      else this.#byName.set(compiled.jsonName, compiled);
    }
    this.#fields = fields;
    return fields;
  }
}

function compileField(
  number: number,
  field: ProtobufField,
  {
    schema,
    pointers,
    keepsZeroes,
  }: {
    readonly schema: ObjectSchema | undefined;
    readonly pointers: ReadonlySet<string>;
    readonly keepsZeroes: boolean;
  },
): CompiledField {
  const scalar = scalars[field.type];
  const jsonName = schema ? jsonNameOf(field.name, schema) : field.name;
  const isEmbedded = schema !== undefined && !scalar && jsonName === undefined;
  const name = jsonName ?? field.name;
  const value = scalar ?? nested(field.type);
  return {
    jsonName: name,
    tag: number * 8 + (field.isMap ? 2 : value.wireType),
    embedded: isEmbedded ? messageCodec(field.type) : undefined,
    isMap: field.isMap,
    repeated: field.repeated,
    dropsZero:
      scalar !== undefined && !keepsZeroes && !pointers.has(name) && !(schema?.required.includes(name) ?? false),
    value,
  };
}

/** Undefined: JSON has no field of that name. */
function jsonNameOf(name: string, { fields }: ObjectSchema): string | undefined {
  if (fields.has(name)) return name;
  const lower = name.toLowerCase();
  const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  for (const known of fields.keys()) {
    if (known.toLowerCase() === lower || known === kebab || known === `$${name}`) return known;
  }
  return undefined;
}

function writeField(writer: WireWriter, { tag, value }: CompiledField, item: unknown): void {
  writer.varint(tag);
  value.write(writer, item);
}

function writeMap(writer: WireWriter, { tag, value }: CompiledField, map: Fields): void {
  for (const key of Object.keys(map)) {
    writer.varint(tag);
    const start = writer.begin();
    writer.varint(10);
    writer.text(key);
    writer.varint(16 + value.wireType);
    value.write(writer, map[key]);
    writer.end(start);
  }
}

function readField(reader: WireReader, wireType: number, field: CompiledField, into: Fields, depth: number): void {
  const { jsonName, value } = field;
  if (field.isMap) {
    into[jsonName] ??= {};
    readMapEntry(reader, value, into[jsonName] as Fields, depth);
  } else if (field.repeated) {
    into[jsonName] ??= [];
    readItems(reader, wireType, field, into[jsonName] as unknown[], depth);
  } else if (wireType !== value.wireType) {
    throw new ProtobufError(`wire type ${wireType} for ${jsonName}`);
  } else if (field.embedded) {
    Object.assign(into, field.value.read(reader, depth));
  } else {
    const item = value.read(reader, depth);
    if (item === undefined || (field.dropsZero && isZero(item))) return;
    into[jsonName] = item;
  }
}

function isZero(value: unknown): boolean {
  return value === '' || value === 0 || value === false;
}

function readItems(
  reader: WireReader,
  wireType: number,
  { value }: CompiledField,
  list: unknown[],
  depth: number,
): void {
  if (wireType === value.wireType) {
    list.push(value.read(reader, depth) ?? null);
    return;
  }
  if (wireType !== 2) throw new ProtobufError(`wire type ${wireType} in a list`);
  const end = reader.end();
  while (reader.at < end) list.push(value.read(reader, depth));
}

function readMapEntry(reader: WireReader, value: ValueCodec, into: Fields, depth: number): void {
  const end = reader.end();
  let key = '';
  let item: unknown;
  while (reader.at < end) {
    const tag = reader.uint32();
    if (tag === 10) key = reader.text();
    else if (tag === 16 + value.wireType) item = value.read(reader, depth);
    else reader.skip(tag & 7);
  }
  item ??= value.read(new WireReader(emptyValue), depth);
  Object.defineProperty(into, key, { value: item, enumerable: true, configurable: true, writable: true });
}

/** Of whatever type, a value that is not there reads from this. */
const emptyValue = new Uint8Array(8);

function nested(name: string): ValueCodec {
  const codec = messageCodec(name);
  return {
    wireType: 2,
    write: (writer, value) => {
      const start = writer.begin();
      codec.encode(writer, value);
      writer.end(start);
    },
    read: (reader, depth) => codec.decode(reader, reader.end(), depth + 1),
  };
}

const scalars: Readonly<Record<string, ValueCodec>> = {
  string: {
    wireType: 2,
    write: (writer, value) => void writer.text(String(value)),
    read: (reader) => reader.text(),
  },
  bytes: {
    wireType: 2,
    write: (writer, value) => void writer.bytes(fromBase64(String(value))),
    read: (reader) => toBase64(reader.bytes()),
  },
  bool: {
    wireType: 0,
    write: (writer, value) => void writer.varint(value === true ? 1 : 0),
    read: (reader) => reader.uint32() !== 0,
  },
  int32: {
    wireType: 0,
    write: (writer, value) => void writer.int64(Number(value)),
    read: (reader) => reader.uint32() | 0,
  },
  int64: {
    wireType: 0,
    write: (writer, value) => void writer.int64(Number(value)),
    read: (reader) => reader.int64(),
  },
  double: {
    wireType: 1,
    write: (writer, value) => void writer.double(Number(value)),
    read: (reader) => reader.double(),
  },
};

interface Union {
  toFields(value: unknown): Fields;
  fromFields(fields: Fields): unknown;
}

/** JSON has one of two forms, protobuf has a message with both. */
const unions: Readonly<Record<string, Union>> = {
  JSONSchemaPropsOrBool: {
    toFields: (value) => (typeof value === 'boolean' ? { allows: value } : { allows: true, schema: value }),
    fromFields: ({ allows = false, schema }) => schema ?? allows,
  },
  JSONSchemaPropsOrArray: {
    toFields: (value) => (Array.isArray(value) ? { jSONSchemas: value } : { schema: value }),
    fromFields: ({ jSONSchemas, schema }) => jSONSchemas ?? schema,
  },
  JSONSchemaPropsOrStringArray: {
    toFields: (value) => (Array.isArray(value) ? { property: value } : { schema: value }),
    fromFields: ({ property, schema }) => property ?? schema,
  },
};
