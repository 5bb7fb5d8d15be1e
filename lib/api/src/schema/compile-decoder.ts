// Turns schemas into closures that check and prune values. A good value is returned as it is, the same object; a value that has to change
// is copied along the way to the change, so the input is never touched. This is the inner loop of every create and update.

import { type DecodeContext, goTypeName, jsonTypeName } from './decode-context.ts';
import { decodeScalar, zeroValue } from './decode-scalar.ts';
import type { ListSchema, MapSchema, ObjectSchema, Schema, UnionSchema } from './structural-schema.ts';

export type Decoder = (value: unknown, context: DecodeContext) => unknown;

/**
 * `typed` is for built-in kinds: a value of the wrong type is a failure, and null is the same as absent, as when Go reads into
 * structs. `unstructured` is for custom resources: it prunes only, and leaves wrong types and nulls for validation to judge.
 */
export type Typing = 'typed' | 'unstructured';

type Json = Record<string, unknown>;

const compiled = { typed: new WeakMap<Schema, Decoder>(), unstructured: new WeakMap<Schema, Decoder>() };

/** The decoder of a schema, made on first use. */
export function decoderOf(schema: Schema, typing: Typing): Decoder {
  const known = compiled[typing].get(schema);
  if (known) return known;
  const decoder = compile(schema, typing);
  compiled[typing].set(schema, decoder);
  return decoder;
}

function compile(schema: Schema, typing: Typing): Decoder {
  switch (schema.type) {
    case 'object':
      return compileObject(schema, typing);
    case 'map':
      return compileMap(schema, typing);
    case 'list':
      return compileList(schema, typing);
    case 'union':
      return compileUnion(schema, typing);
    case 'any':
      return decodeAny;
    default:
      return typing === 'typed' ? (value, context) => decodeScalar(schema, value, context) : (value) => value;
  }
}

interface Field {
  /** What typeof says of a value that needs no further look; empty when every value needs one. */
  readonly plainType: string;
  readonly decode: Decoder;
  readonly keepsNull: boolean;
}

/** Metadata inside a custom resource is of a built-in type, which parts of the resource's own schema are not: those have no name. */
function typingOf(schema: Schema, typing: Typing): Typing {
  return typing === 'unstructured' && schema.type === 'object' && schema.name !== '' ? 'typed' : typing;
}

function fieldOf(schema: Schema, around: Typing): Field {
  const typing = typingOf(schema, around);
  const plainType = schema.type === 'string' || schema.type === 'boolean' ? schema.type : '';
  return { plainType, decode: decoderOf(schema, typing), keepsNull: typing === 'unstructured' || schema.nullable };
}

function compileObject(schema: ObjectSchema, typing: Typing): Decoder {
  // Filled as fields are met: schemas refer to themselves, and most objects use few of their fields.
  const fields = new Map<string, Field>();
  function field(key: string): Field | undefined {
    const known = fields.get(key);
    if (known) return known;
    const fieldSchema = schema.fields.get(key);
    if (!fieldSchema) return undefined;
    const made = fieldOf(fieldSchema, typing);
    fields.set(key, made);
    return made;
  }

  return (value, context) => {
    if (!isJsonObject(value)) return wrongShape(schema, typing, value, context);
    let changed: Json | undefined;
    const level = context.enter();
    for (const key in value) {
      const item = value[key];
      const known = fields.get(key) ?? field(key);
      let decoded = item;
      if (known === undefined) {
        context.path[level] = key;
        if (!schema.preserveUnknownFields) {
          context.unknownField();
          changed ??= entriesBefore(value, key);
          continue;
        }
        decoded = decodeAny(item, context);
      } else if (item === null) {
        if (!known.keepsNull) {
          changed ??= entriesBefore(value, key);
          continue;
        }
      } else if (typeof item !== known.plainType) {
        context.path[level] = key;
        decoded = known.decode(item, context);
      }
      if (decoded !== item) changed ??= entriesBefore(value, key);
      if (changed) setOwn(changed, key, decoded);
    }
    context.leave();
    return changed ?? value;
  };
}

function compileMap(schema: MapSchema, typing: Typing): Decoder {
  const { values } = schema;
  let decode: Decoder | undefined;
  return (value, context) => {
    if (!isJsonObject(value)) return wrongShape(schema, typing, value, context);
    decode ??= decoderOf(values, typing);
    let changed: Json | undefined;
    const level = context.enter();
    for (const key in value) {
      const item = value[key];
      if (typeof item === 'string' && values.type === 'string') {
        if (changed) setOwn(changed, key, item);
        continue;
      }
      context.path[level] = key;
      const decoded = item === null && typing === 'typed' ? emptyValue(values) : decode(item, context);
      if (decoded !== item) changed ??= entriesBefore(value, key);
      if (changed) setOwn(changed, key, decoded);
    }
    context.leave();
    return changed ?? value;
  };
}

function compileList(schema: ListSchema, typing: Typing): Decoder {
  const { items } = schema;
  let decode: Decoder | undefined;
  return (value, context) => {
    if (!Array.isArray(value)) return wrongShape(schema, typing, value, context);
    decode ??= decoderOf(items, typing);
    let changed: unknown[] | undefined;
    const level = context.enter();
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index];
      context.path[level] = index;
      const decoded = item === null && typing === 'typed' ? emptyValue(items) : decode(item, context);
      if (decoded === item) continue;
      changed ??= value.slice();
      changed[index] = decoded;
    }
    context.leave();
    return changed ?? value;
  };
}

function compileUnion(schema: UnionSchema, typing: Typing): Decoder {
  const decode = decoderOf(schema.object, typing);
  return (value, context) => (isJsonObject(value) ? decode(value, context) : decodeAny(value, context));
}

/** Nothing is known of the value, except that it must not be too deep for those who walk it later. */
function decodeAny(value: unknown, context: DecodeContext): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const level = context.enter();
  for (const key in value) {
    context.path[level] = key;
    decodeAny((value as Json)[key], context);
  }
  context.leave();
  return value;
}

type Container = ObjectSchema | MapSchema | ListSchema;

function wrongShape(schema: Container, typing: Typing, value: unknown, context: DecodeContext): unknown {
  return typing === 'typed' ? context.mismatch(jsonTypeName(value), goTypeName(schema)) : decodeAny(value, context);
}

/** What a null item of a list or a map becomes. */
function emptyValue(schema: Schema): unknown {
  switch (schema.type) {
    case 'object':
    case 'map':
      return {};
    case 'list':
      return [];
    case 'union':
    case 'any':
      return null;
    default:
      return zeroValue(schema);
  }
}

function isJsonObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A new object with the entries of `source` that come before `key`. */
function entriesBefore(source: Json, key: string): Json {
  const copy: Json = {};
  for (const earlier in source) {
    if (earlier === key) break;
    setOwn(copy, earlier, source[earlier]);
  }
  return copy;
}

/** `__proto__` is a name like any other in JSON, and a config map may have it as a key. */
function setOwn(target: Json, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  else target[key] = value;
}
