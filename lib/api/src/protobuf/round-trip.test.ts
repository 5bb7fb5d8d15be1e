import fc from 'fast-check';
import protobufjs from 'protobufjs';
import { apiVersionOf, builtInResources } from '../resources.ts';
import { builtInSchemas } from '../schema/built-in-schemas.ts';
import type { ObjectSchema, Schema } from '../schema/structural-schema.ts';
import { protobufLines } from '../generated/protobuf-messages.ts';
import { decodeProtobuf, encodeMessage, encodeProtobuf, messageOfKind } from './envelope.ts';
import { messageCodec } from './message-codec.ts';
import { pointerFields } from './pointer-fields.ts';
import { messageOfDefinition, protobufMessage } from './protobuf-messages.ts';
import { WireReader } from './wire-reader.ts';

type Dice = (sides: number) => number;

function diceFrom(seed: number): Dice {
  let state = seed >>> 0;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

const texts = ['a', 'Größe', 'x'.repeat(200), '__proto__', '\u{1f600}', 'a/b', ' ', '"\\'];
const scalars: Readonly<Record<string, readonly unknown[]>> = {
  string: texts,
  boolean: [true],
  int32: [1, -1, 2147483647, -2147483648],
  int64: [1, -1, 2 ** 40, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
  double: [1.5, -0.25, 1e300],
  bytes: ['aGVsbG8=', 'AA==', '/+8='],
  time: ['2024-02-29T23:59:59Z', '1970-01-01T00:00:00Z', '1969-12-31T23:59:59Z', '0001-01-02T00:00:00Z'],
  microTime: ['2024-02-29T23:59:59.123456Z', '1970-01-01T00:00:00.000000Z', '1969-12-31T23:59:59.000001Z'],
  quantity: ['100m', '1Gi', '0', '1e3'],
  intOrString: [80, 0, -1, 'http', '25%', ''],
};
/** Given only where Go can say so: see `pointer-fields.ts`. */
const zeroes: Readonly<Record<string, unknown>> = { string: '', boolean: false, int32: 0, int64: 0, double: 0 };

/** As a server written in Go would answer it: no empty lists and maps, no zero that means nothing. */
function objectOf(schema: ObjectSchema, dice: Dice, depth: number, keeps: ReadonlySet<string> = new Set()): object {
  const message = messageOfDefinition(schema.name);
  const pointers = new Set([...pointerFields(message), ...schema.required, ...keeps]);
  const fields: Record<string, unknown> = {};
  const inProtobuf = new Set([...(protobufMessage(message)?.values() ?? [])].map(({ name }) => name));
  for (const [name, field] of schema.fields) {
    // Of an object inside another one, protobuf does not say what it is.
    if ((name === 'kind' || name === 'apiVersion') && !inProtobuf.has(name)) continue;
    if (dice(3) === 0 && !schema.required.includes(name)) continue;
    const value = valueFor(name, field, dice, depth + 1, pointers.has(name) && dice(2) === 0);
    if (value !== undefined) fields[name] = value;
  }
  return fields;
}

const depthMax = 6;

function valueFor(name: string, schema: Schema, dice: Dice, depth: number, isZero: boolean): unknown {
  const isDeep = depth > depthMax;
  switch (schema.type) {
    case 'object':
      return isDeep ? {} : objectOf(schema, dice, depth);
    case 'list':
      return isDeep ? undefined : many(dice, () => valueFor(name, schema.items, dice, depth + 1, dice(4) === 0));
    case 'map': {
      const values = many(dice, () => valueFor(name, schema.values, dice, depth + 1, dice(4) === 0));
      return isDeep ? undefined : Object.fromEntries(values.map((value, index) => [`k${index}`, value]));
    }
    case 'union':
      return unionOf(name, schema.object, dice, depth);
    case 'any':
      return [{ a: [1, 'x', null], b: { c: true } }, { 'f:metadata': {} }][dice(2)];
    default: {
      if (isZero && schema.type in zeroes) return zeroes[schema.type];
      const choices = scalars[schema.type] ?? [];
      return choices[dice(choices.length)];
    }
  }
}

function unionOf(name: string, schema: ObjectSchema, dice: Dice, depth: number): unknown {
  if (depth <= depthMax && dice(2) === 0) return objectOf(schema, dice, depth);
  if (name === 'items') return [{ type: 'string' }, { type: 'integer' }];
  return name === 'dependencies' ? ['a', 'b'] : dice(2) === 0;
}

function many(dice: Dice, make: () => unknown): unknown[] {
  return Array.from({ length: 1 + dice(2) }, make);
}

const kinds = builtInResources
  .flatMap((resource) => [resource, ...resource.subresources.map((sub) => ({ ...resource, ...sub }))])
  .filter(({ version }) => !version.includes('alpha'))
  .flatMap(({ kind, group, version }) => {
    const schema = builtInSchemas.kind({ group, version, kind });
    return schema ? [{ kind, apiVersion: apiVersionOf({ group, version }), schema }] : [];
  });
const distinct = [...new Map(kinds.map((kind) => [`${kind.apiVersion} ${kind.kind}`, kind])).values()];

/** The same messages for a library that is not ours. */
function foreignMessages(): protobufjs.Root {
  const root = new protobufjs.Root();
  const define = (name: string) => {
    const made = new protobufjs.Type(name.slice(name.lastIndexOf('.') + 1));
    root.define(name.slice(0, name.lastIndexOf('.'))).add(made);
    return made;
  };
  define('k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.CustomResourceSubresourceStatus');
  for (const line of protobufLines.split('\n')) {
    const [name = ''] = line.split('\t');
    const made = define(name);
    for (const [number, { name: field, type, repeated, isMap }] of protobufMessage(name) ?? []) {
      made.add(
        isMap
          ? new protobufjs.MapField(field, number, 'string', type)
          : new protobufjs.Field(field, number, type, repeated ? 'repeated' : 'optional'),
      );
    }
  }
  return root;
}

describe('protobuf round trip', () => {
  const foreign = foreignMessages();

  it('covers every kind', () => expect(distinct.length).toBeGreaterThan(60));

  it.each(distinct)('$apiVersion $kind is the same after JSON to protobuf to JSON', ({ kind, apiVersion, schema }) => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const object = { kind, apiVersion, ...objectOf(schema, diceFrom(seed), 0) };
        expect(decodeProtobuf(encodeProtobuf(object))).toEqual(object);
        const message = messageOfKind(object) ?? '';
        const type = foreign.lookupType(message);
        const foreignBytes = type.encode(type.decode(encodeMessage(message, object))).finish();
        const { kind: _, apiVersion: __, ...fields } = object as Record<string, unknown>;
        expect(messageCodec(message).decode(new WireReader(foreignBytes), foreignBytes.length, 0)).toEqual(fields);
      }),
      { numRuns: 10 },
    );
  });
});
