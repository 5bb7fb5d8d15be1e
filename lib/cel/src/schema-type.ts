/**
 * From an OpenAPI schema to the type that expressions see, with the bounds that cost estimates need: what the schema does not bound is bounded
 * by how much of it fits into one request.
 */
import { bool, type CelType, double, duration, dyn, type FieldType, int, string, timestamp } from './cel-type.ts';

/** The part of a JSON schema that matters here. */
export interface TypeSchema {
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, TypeSchema>>;
  readonly additionalProperties?: TypeSchema | boolean;
  readonly items?: TypeSchema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

/** `maxLength` counts characters; upstream's estimates reckon in bytes. */
const characterBytesMax = 4;

/** Upstream's bound on the body of a request, as cost estimates take it. */
const requestBytesMax = 3 * 1024 * 1024;

const reserved: ReadonlySet<string> = new Set([
  'true',
  'false',
  'null',
  'in',
  'as',
  'break',
  'const',
  'continue',
  'else',
  'for',
  'function',
  'if',
  'import',
  'let',
  'loop',
  'package',
  'namespace',
  'return',
  'var',
  'void',
  'while',
]);

/** The name under which expressions know a property; undefined when they cannot name it. */
export function escapedName(property: string): string | undefined {
  if (reserved.has(property)) return `__${property}__`;
  if (!/^[a-zA-Z_][a-zA-Z0-9_./-]*$/.test(property)) return undefined;
  return property
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

const objectMetaType: CelType = {
  kind: 'object',
  name: 'ObjectMeta',
  fields: new Map<string, FieldType>([
    ['name', { type: { kind: 'string', max: 253 }, property: 'name' }],
    ['generateName', { type: { kind: 'string', max: 253 }, property: 'generateName' }],
  ]),
};

const names = new WeakMap<TypeSchema, CelType>();

/** `isResource`: the schema of a whole object, which has apiVersion, kind and metadata whatever the schema says. */
export function typeOfSchema(schema: TypeSchema, isResource = false): CelType {
  if (isResource) return objectType(schema, true);
  const known = names.get(schema);
  if (known) return known;
  const made = makeType(schema);
  names.set(schema, made);
  return made;
}

function makeType(schema: TypeSchema): CelType {
  if (schema['x-kubernetes-int-or-string']) return dyn;
  if (schema['x-kubernetes-embedded-resource']) return objectType(schema, true);
  switch (schema.type) {
    case 'object':
      return objectOrMap(schema);
    case 'array':
      return arrayType(schema);
    case 'string':
      return stringType(schema);
    case 'boolean':
      return bool;
    case 'integer':
      return int;
    case 'number':
      return double;
    default:
      return dyn;
  }
}

function objectOrMap(schema: TypeSchema): CelType {
  const { additionalProperties: values, maxProperties } = schema;
  if (typeof values === 'object') {
    const fitting = Math.floor((requestBytesMax - 2) / (minimalSize(values) + 6));
    return { kind: 'map', key: string, value: typeOfSchema(values), max: maxProperties ?? fitting };
  }
  if (!schema.properties && schema['x-kubernetes-preserve-unknown-fields']) return dyn;
  return objectType(schema, false);
}

function objectType(schema: TypeSchema, isResource: boolean): CelType {
  const fields = new Map<string, FieldType>();
  for (const [property, own] of Object.entries(schema.properties ?? {})) {
    const name = escapedName(property);
    if (name !== undefined) fields.set(name, { type: typeOfSchema(own), property });
  }
  if (isResource) {
    fields.set('apiVersion', { type: { kind: 'string', max: 253 }, property: 'apiVersion' });
    fields.set('kind', { type: { kind: 'string', max: 253 }, property: 'kind' });
    fields.set('metadata', { type: objectMetaType, property: 'metadata' });
  }
  return { kind: 'object', name: 'object', fields };
}

function arrayType({ items, maxItems, ...schema }: TypeSchema): CelType {
  const listType = schema['x-kubernetes-list-type'];
  const fitting = Math.floor((requestBytesMax - 2) / (minimalSize(items ?? {}) + 1));
  return {
    kind: 'list',
    element: items ? typeOfSchema(items) : dyn,
    max: maxItems ?? fitting,
    ...(listType === 'set' || listType === 'map' ? { listType } : {}),
    ...(listType === 'map' ? { keys: schema['x-kubernetes-list-map-keys'] ?? [] } : {}),
  };
}

const formatLengths: Readonly<Record<string, number>> = { date: 10, 'date-time': 34, duration: 59 };

function stringType({ format = '', maxLength, enum: values }: TypeSchema): CelType {
  switch (format) {
    case 'date':
    case 'date-time':
      return timestamp;
    case 'duration':
      return duration;
    case 'byte':
      return { kind: 'bytes', max: maxLength ?? Math.floor((requestBytesMax - 2) / 4) * 3 };
  }
  if (maxLength !== undefined) return { kind: 'string', max: Math.max(maxLength, 0) * characterBytesMax };
  if (values && values.length > 0)
    return { kind: 'string', max: Math.max(...values.map((value) => String(value).length)) };
  return { kind: 'string', max: formatLengths[format] ?? requestBytesMax - 2 };
}

/** The fewest bytes that a value of the schema can take up. */
function minimalSize(schema: TypeSchema): number {
  if (schema['x-kubernetes-int-or-string']) return 1;
  switch (schema.type) {
    case 'boolean':
      return 4;
    case 'integer':
    case 'number':
      return 1;
    case 'object': {
      if (!schema.properties) return 2;
      let size = 2;
      for (const name of schema.required ?? []) {
        const own = schema.properties[name];
        if (own && own.default === undefined) size += name.length + 4 + minimalSize(own);
      }
      return size;
    }
    case 'string':
      return formatLengths[schema.format ?? ''] === undefined
        ? 2
        : schema.format === 'date'
          ? 12
          : schema.format === 'date-time'
            ? 22
            : 3;
    default:
      return 2;
  }
}

/** How many values of the schema the containers above it can hold together: rules on a list's items run for each of them. */
export function elementsMax(schema: TypeSchema): number {
  const type = typeOfSchema(schema);
  return type.kind === 'list' || type.kind === 'map' ? (type.max ?? Number.POSITIVE_INFINITY) : 1;
}
