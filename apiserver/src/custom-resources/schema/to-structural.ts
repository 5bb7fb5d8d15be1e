/** From a definition's JSON schema to the form that decoding, patching and field ownership walk. */
import { builtInSchemas } from '@slipway/api/schema/built-in-schemas';
import type {
  AnySchema,
  ListSchema,
  MapSchema,
  ObjectSchema,
  ScalarSchema,
  ScalarType,
  Schema,
} from '@slipway/api/schema/structural-schema';
import type { JsonValue } from '@slipway/api/patch/json-value';
import { invariant } from '@slipway/kit/invariant';
import { isObjectSchema, type JsonSchema } from './json-schema.ts';

const plain = { patchStrategy: [], patchMergeKey: undefined };

/** The schema of a whole object: with its metadata, and whatever the definition says of the rest. */
export function structuralSchema(schema: JsonSchema): ObjectSchema {
  return resourceSchema(schema, false);
}

function resourceSchema(schema: JsonSchema, nullable: boolean): ObjectSchema {
  const metadata = builtInSchemas.definition('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
  invariant(metadata, 'there is a schema of ObjectMeta');
  const string: ScalarSchema = { type: 'string', nullable: false, ...plain };
  const fields = new Map<string, Schema>([
    ['apiVersion', string],
    ['kind', string],
    ['metadata', metadata],
  ]);
  for (const [name, own] of Object.entries(schema.properties ?? {})) {
    if (!fields.has(name)) fields.set(name, partSchema(own));
  }
  return {
    type: 'object',
    name: '',
    fields,
    required: [],
    atomic: schema['x-kubernetes-map-type'] === 'atomic',
    preserveUnknownFields: schema['x-kubernetes-preserve-unknown-fields'] === true,
    nullable,
    ...plain,
  };
}

function partSchema(schema: JsonSchema): Schema {
  const nullable = schema.nullable === true;
  if (schema['x-kubernetes-embedded-resource']) return resourceSchema(schema, nullable);
  if (schema['x-kubernetes-int-or-string']) return scalar('intOrString', nullable);
  switch (schema.type) {
    case 'object':
      return objectOrMap(schema, nullable);
    case 'array':
      return listSchema(schema, nullable);
    case 'string':
      return scalar('string', nullable);
    case 'boolean':
      return scalar('boolean', nullable);
    case 'integer':
      return scalar('int64', nullable);
    case 'number':
      return scalar('double', nullable);
    default:
      return { type: 'any', nullable, ...plain } satisfies AnySchema;
  }
}

function scalar(type: ScalarType, nullable: boolean): ScalarSchema {
  return { type, nullable, ...plain };
}

function objectOrMap(schema: JsonSchema, nullable: boolean): ObjectSchema | MapSchema {
  const atomic = schema['x-kubernetes-map-type'] === 'atomic';
  const { additionalProperties } = schema;
  if (additionalProperties !== undefined && additionalProperties !== false) {
    const values = isObjectSchema(additionalProperties)
      ? partSchema(additionalProperties)
      : ({ type: 'any', nullable: false, ...plain } as const);
    return { type: 'map', values, atomic, nullable, ...plain };
  }
  const fields = Object.entries(schema.properties ?? {}).map(([name, own]) => [name, partSchema(own)] as const);
  return {
    type: 'object',
    name: '',
    fields: new Map(fields),
    required: [],
    atomic,
    preserveUnknownFields: schema['x-kubernetes-preserve-unknown-fields'] === true,
    nullable,
    ...plain,
  };
}

function listSchema(schema: JsonSchema, nullable: boolean): ListSchema {
  const { items = {} } = schema;
  const listType = schema['x-kubernetes-list-type'];
  const listMapKeys = schema['x-kubernetes-list-map-keys'] ?? [];
  const defaults = listMapKeys.flatMap((key) => {
    const value = items.properties?.[key]?.default;
    return value === undefined ? [] : [[key, value as JsonValue] as const];
  });
  return {
    type: 'list',
    items: partSchema(items),
    listType: listType === 'set' || listType === 'map' ? listType : 'atomic',
    listMapKeys,
    ...(defaults.length > 0 ? { keyDefaults: Object.fromEntries(defaults) } : {}),
    nullable,
    ...plain,
  };
}
