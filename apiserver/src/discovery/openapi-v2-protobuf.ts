// OpenAPI v2 as protobuf: the only form that client-go asks /openapi/v2 for, and so what older kubectl explain and apply with. The messages
// are those of gnostic's OpenAPIv2.proto, where a map is a list of (name, value) messages, and whatever has no message is YAML
// text, which JSON is too.

import { Buffer } from 'node:buffer';

type Json = Record<string, unknown>;

/** How the value of one JSON member is written: its field number, and what encodes it. */
type Field = readonly [number: number, encode: (value: unknown) => Uint8Array[]];
type Fields = Readonly<Record<string, Field>>;

/** The protobuf form of a document that openApiV2Document made. */
export function encodeOpenApiV2(document: object): Buffer {
  return Buffer.concat(message(documentFields, document as Json));
}

const wireVarint = 0;
const wireBytes = 2;

function message(fields: Fields, value: Json): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (const [name, item] of Object.entries(value)) {
    const field = fields[name];
    if (field) {
      const [number, encode] = field;
      // Booleans are the only fields that are not length-delimited.
      for (const bytes of encode(item)) parts.push(encode === bool ? boolean(number, bytes) : delimited(number, bytes));
    } else if (name.startsWith('x-') && fields['x-']) {
      parts.push(delimited(fields['x-'][0], named(name, delimited(2, Buffer.from(JSON.stringify(item))))));
    }
  }
  return parts;
}

/** NamedAny, NamedSchema and their like. */
function named(name: string, value: Uint8Array): Uint8Array {
  return Buffer.concat([delimited(1, Buffer.from(name)), delimited(2, value)]);
}

function delimited(number: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint((number << 3) | wireBytes), varint(bytes.length), bytes]);
}

function boolean(number: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint((number << 3) | wireVarint), bytes]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function text(value: unknown): Uint8Array[] {
  return [Buffer.from(String(value))];
}

function texts(value: unknown): Uint8Array[] {
  return (value as unknown[]).map((item) => Buffer.from(String(item)));
}

function bool(value: unknown): Uint8Array[] {
  return [Uint8Array.of(value === true ? 1 : 0)];
}

/** Any: its second field is YAML text. */
function any(value: unknown): Uint8Array[] {
  return [delimited(2, Buffer.from(JSON.stringify(value)))];
}

function one(fields: Fields): (value: unknown) => Uint8Array[] {
  return (value) => [Buffer.concat(message(fields, value as Json))];
}

/** A message whose field `number` repeats (name, value). */
function map(number: number, encodeValue: (value: unknown) => Uint8Array): (value: unknown) => Uint8Array[] {
  return (value) => {
    const entries = Object.entries(value as Json).map(([name, item]) =>
      delimited(number, named(name, encodeValue(item))),
    );
    return [Buffer.concat(entries)];
  };
}

function schema(value: unknown): Uint8Array {
  return Buffer.concat(message(schemaFields, value as Json));
}

/** AdditionalPropertiesItem, ItemsItem and SchemaItem all have the schema as their first field. */
function wrappedSchema(value: unknown): Uint8Array[] {
  return [delimited(1, schema(value))];
}

const schemaFields: Fields = {
  $ref: [1, text],
  format: [2, text],
  title: [3, text],
  description: [4, text],
  default: [5, any],
  required: [19, texts],
  enum: [20, (value) => (value as unknown[]).flatMap(any)],
  additionalProperties: [21, wrappedSchema],
  type: [22, (value) => [delimited(1, Buffer.from(String(value)))]],
  items: [23, wrappedSchema],
  properties: [25, map(1, schema)],
  'x-': [31, any],
};

const queryFields: Fields = {
  required: [1, bool],
  in: [2, text],
  description: [3, text],
  name: [4, text],
  type: [6, text],
  uniqueItems: [20, bool],
};

const pathFields: Fields = { ...queryFields, type: [5, text], uniqueItems: [19, bool] };

const bodyFields: Fields = {
  description: [1, text],
  name: [2, text],
  in: [3, text],
  required: [4, bool],
  schema: [5, (value) => [schema(value)]],
};

/** ParametersItem / Parameter / (BodyParameter | NonBodyParameter / (Query | Path)). */
function parameters(value: unknown): Uint8Array[] {
  return (value as Json[]).map((parameter) => {
    if (parameter['in'] === 'body') return delimited(1, delimited(1, Buffer.concat(message(bodyFields, parameter))));
    const [number, fields] = parameter['in'] === 'path' ? [4, pathFields] : [3, queryFields];
    return delimited(1, delimited(2, delimited(number, Buffer.concat(message(fields, parameter)))));
  });
}

const responseFields: Fields = { description: [1, text], schema: [2, wrappedSchema] };

function response(value: unknown): Uint8Array {
  return delimited(1, Buffer.concat(message(responseFields, value as Json)));
}

const operationFields: Fields = {
  tags: [1, texts],
  description: [3, text],
  operationId: [5, text],
  produces: [6, texts],
  consumes: [7, texts],
  parameters: [8, parameters],
  responses: [9, map(1, response)],
  schemes: [10, texts],
  'x-': [13, any],
};

const operation = one(operationFields);

const pathItemFields: Fields = {
  get: [2, operation],
  put: [3, operation],
  post: [4, operation],
  delete: [5, operation],
  patch: [8, operation],
  parameters: [9, parameters],
};

const infoFields: Fields = { title: [1, text], version: [2, text] };

const documentFields: Fields = {
  swagger: [1, text],
  info: [2, one(infoFields)],
  paths: [8, map(2, (value) => Buffer.concat(message(pathItemFields, value as Json)))],
  definitions: [9, map(1, schema)],
};
