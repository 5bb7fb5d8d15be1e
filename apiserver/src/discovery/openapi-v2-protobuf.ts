// OpenAPI v2 as protobuf: the only form that client-go asks /openapi/v2 for, and so what older kubectl explain and apply with. The messages
// are those of gnostic's OpenAPIv2.proto, where a map is a list of (name, value) messages, and whatever has no message is YAML
// text, which JSON is too.

import { Buffer } from 'node:buffer';

type Json = Record<string, unknown>;

/** Writes one JSON member as a field. */
type WriteField = (writer: ProtobufWriter, value: unknown) => void;
type Fields = Readonly<Record<string, WriteField>>;

const wireVarint = 0;
const wireBytes = 2;

/** Appends protobuf to one growing buffer. */
class ProtobufWriter {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #length = 0;

  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  text(number: number, text: string): void {
    this.#varint((number << 3) | wireBytes);
    const size = Buffer.byteLength(text);
    this.#varint(size);
    this.#reserve(size);
    this.#length += this.#bytes.write(text, this.#length);
  }

  boolean(number: number, value: boolean): void {
    this.#varint((number << 3) | wireVarint);
    this.#varint(value ? 1 : 0);
  }

  /** A nested message. Its size stands before it and is known after it, so it is moved to make room. */
  message(number: number, write: () => void): void {
    this.#varint((number << 3) | wireBytes);
    const start = this.#length;
    write();
    const size = this.#length - start;
    const sizeBytes = varintSize(size);
    this.#reserve(sizeBytes);
    this.#bytes.copyWithin(start + sizeBytes, start, this.#length);
    this.#length = start;
    this.#varint(size);
    this.#length += size;
  }

  #varint(value: number): void {
    this.#reserve(5);
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#length++] = rest;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + size));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) size++;
  return size;
}

function members(writer: ProtobufWriter, fields: Fields, value: Json): void {
  for (const [name, item] of Object.entries(value)) {
    const write = fields[name];
    if (write) write(writer, item);
    else if (name.startsWith('x-')) fields['x-']?.(writer, { name, item });
  }
}

function text(number: number): WriteField {
  return (writer, value) => writer.text(number, String(value));
}

function texts(number: number): WriteField {
  return (writer, value) => {
    for (const item of value as unknown[]) writer.text(number, String(item));
  };
}

function boolean(number: number): WriteField {
  return (writer, value) => writer.boolean(number, value === true);
}

/** The message Any, whose second field is YAML text. */
function any(number: number): WriteField {
  return (writer, value) => writer.message(number, () => writer.text(2, JSON.stringify(value)));
}

/** A vendor extension: NamedAny. */
function extension(number: number): WriteField {
  return (writer, value) => {
    const { name, item } = value as { name: string; item: unknown };
    writer.message(number, () => {
      writer.text(1, name);
      any(2)(writer, item);
    });
  };
}

function message(number: number, fields: () => Fields): WriteField {
  return (writer, value) => writer.message(number, () => members(writer, fields(), value as Json));
}

/** A message that wraps another: its field `inner` is written by `write`. */
function wrapped(number: number, write: WriteField): WriteField {
  return (writer, value) => writer.message(number, () => write(writer, value));
}

/** A message whose field `inner` repeats (name, value). */
function map(number: number, inner: number, writeValue: WriteField): WriteField {
  return (writer, value) =>
    writer.message(number, () => {
      for (const [name, item] of Object.entries(value as Json)) namedEntry(writer, inner, name, item, writeValue);
    });
}

function namedEntry(
  writer: ProtobufWriter,
  number: number,
  name: string,
  value: unknown,
  writeValue: WriteField,
): void {
  writer.message(number, () => {
    writer.text(1, name);
    writeValue(writer, value);
  });
}

const schemaFields: Fields = {
  $ref: text(1),
  format: text(2),
  title: text(3),
  description: text(4),
  default: any(5),
  required: texts(19),
  enum: (writer, value) => {
    for (const item of value as unknown[]) any(20)(writer, item);
  },
  // AdditionalPropertiesItem, ItemsItem and SchemaItem have the schema as their first field.
  additionalProperties: (writer, value) =>
    typeof value === 'boolean'
      ? writer.message(21, () => writer.boolean(2, value))
      : wrapped(21, schema(1))(writer, value),
  type: wrapped(22, text(1)),
  items: wrapped(23, schema(1)),
  properties: map(25, 1, schema(2)),
  'x-': extension(31),
};

function schema(number: number): WriteField {
  return message(number, () => schemaFields);
}

const queryFields: Fields = {
  required: boolean(1),
  in: text(2),
  description: text(3),
  name: text(4),
  type: text(6),
  uniqueItems: boolean(20),
};

const pathFields: Fields = { ...queryFields, type: text(5), uniqueItems: boolean(19) };
const bodyFields: Fields = { name: text(2), in: text(3), schema: schema(5) };

/** ParametersItem / Parameter / (BodyParameter | NonBodyParameter / (Query | Path)). */
function parameters(number: number): WriteField {
  const body = wrapped(
    number,
    wrapped(
      1,
      message(1, () => bodyFields),
    ),
  );
  const query = wrapped(
    number,
    wrapped(
      1,
      wrapped(
        2,
        message(3, () => queryFields),
      ),
    ),
  );
  const path = wrapped(
    number,
    wrapped(
      1,
      wrapped(
        2,
        message(4, () => pathFields),
      ),
    ),
  );
  const writers: Readonly<Record<string, WriteField>> = { body, query, path };
  return (writer, value) => {
    for (const parameter of value as { in: string }[]) writers[parameter.in]?.(writer, parameter);
  };
}

const responseFields: Fields = { description: text(1), schema: wrapped(2, schema(1)) };

const operationFields: Fields = {
  tags: texts(1),
  description: text(3),
  operationId: text(5),
  produces: texts(6),
  consumes: texts(7),
  parameters: parameters(8),
  responses: map(
    9,
    1,
    wrapped(
      2,
      message(1, () => responseFields),
    ),
  ),
  schemes: texts(10),
  'x-': extension(13),
};

function operation(number: number): WriteField {
  return message(number, () => operationFields);
}

const pathItemFields: Fields = {
  get: operation(2),
  put: operation(3),
  post: operation(4),
  delete: operation(5),
  patch: operation(8),
  parameters: parameters(9),
};

/** Writes a Document part by part, in the order of the methods. */
export class OpenApiV2Writer {
  readonly #writer = new ProtobufWriter();

  head(swagger: string, info: { readonly title: string; readonly version: string }): void {
    this.#writer.text(1, swagger);
    message(2, () => ({ title: text(1), version: text(2) }))(this.#writer, info);
  }

  paths(paths: Readonly<Record<string, object>>): void {
    map(
      8,
      2,
      message(2, () => pathItemFields),
    )(this.#writer, paths);
  }

  /** `schemaOf` is called for one name at a time. */
  definitions(names: Iterable<string>, schemaOf: (name: string) => object): void {
    this.#writer.message(9, () => {
      for (const name of names) namedEntry(this.#writer, 1, name, schemaOf(name), schema(2));
    });
  }

  finish(): Buffer {
    return this.#writer.finish();
  }
}
