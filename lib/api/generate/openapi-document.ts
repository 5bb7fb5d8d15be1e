// Builds the OpenAPI v3 component schemas, with upstream's definition names, from the classes, the messages and the tables.

import { metaPackage, packageOfGroup, type Resource } from './api-resources.ts';
import { fieldType, type Message } from './messages.ts';
import type { Model, ModelProperty } from './read-models.ts';
import { readTsv } from './read-tsv.ts';

export interface Schema {
  description?: string;
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  format?: string;
  default?: unknown;
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  $ref?: string;
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: string;
  'x-kubernetes-patch-strategy'?: string;
  'x-kubernetes-patch-merge-key'?: string;
}

interface Sources {
  readonly models: readonly Model[];
  /** Class name to definition name. */
  readonly names: ReadonlyMap<string, string>;
  readonly messages: ReadonlyMap<string, Message>;
  readonly resources: readonly Resource[];
}

/** Definition name to schema, sorted by name. */
export function buildSchemas(sources: Sources): Record<string, Schema> {
  const schemas: Record<string, Schema> = { ...machinery };
  for (const model of sources.models) {
    const definition = sources.names.get(model.className) ?? model.className;
    schemas[definition] = modelSchema(model, definition, sources);
  }
  describeReferences(schemas);
  applyListSemantics(schemas);
  for (const { definition, property, default: value } of readTsv<'definition' | 'property' | 'default'>(
    'schema-defaults',
  )) {
    const schema = schemas[definition]?.properties?.[property];
    if (schema) schema.default = JSON.parse(value);
  }
  return Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function modelSchema(model: Model, definition: string, sources: Sources): Schema {
  const names = new Set(model.properties.map(({ name }) => name));
  const schema: Schema = { description: model.description, type: 'object' };
  const required = model.properties.filter((property) => property.required).map(({ name }) => name);
  if (required.length > 0) schema.required = required;
  if (model.properties.length > 0) schema.properties = {};
  for (const property of model.properties) {
    const wireType = fieldType(sources.messages, definition, property.name, names) ?? '';
    const schemaOfType = propertySchema(property.type, property, wireType, sources);
    const described = schemaOfType.$ref === undefined ? schemaOfType : { allOf: [schemaOfType] };
    if (schema.properties) schema.properties[property.name] = { ...description(property.description), ...described };
  }
  const kinds = groupVersionKinds(model, definition, sources.resources);
  if (kinds.length > 0) schema['x-kubernetes-group-version-kind'] = kinds;
  return schema;
}

function description(text: string): { description?: string } {
  return text === '' ? {} : { description: text };
}

/** The classes say nothing about properties that refer to other classes; the first sentence about the class is the next best. */
function describeReferences(schemas: Record<string, Schema>): void {
  for (const schema of Object.values(schemas)) {
    for (const property of Object.values(schema.properties ?? {})) {
      const target = property.allOf?.[0]?.$ref?.replace('#/components/schemas/', '') ?? '';
      const sentence = /^.*?\.(?=\s|$)/s.exec(schemas[target]?.description ?? '')?.[0];
      property.description ??= sentence ?? schemas[target]?.description ?? '';
    }
  }
}

function propertySchema(type: string, property: ModelProperty, wireType: string, sources: Sources): Schema {
  const array = /^Array<(.*)>$/.exec(type);
  if (array) return { type: 'array', items: propertySchema(array[1] ?? '', property, wireType, sources) };
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (map) {
    const valueType = /^map<string,(.*)>$/.exec(wireType)?.[1] ?? wireType;
    return { type: 'object', additionalProperties: propertySchema(map[1] ?? '', property, valueType, sources) };
  }
  const definition = sources.names.get(type);
  if (definition !== undefined) return ref(definition);
  return scalarSchema(type, property, wireType);
}

function scalarSchema(type: string, property: ModelProperty, wireType: string): Schema {
  switch (type) {
    case 'string':
      if (wireType === quantity) return ref(quantity);
      return property.format === '' ? { type: 'string' } : { type: 'string', format: property.format };
    case 'boolean':
      return { type: 'boolean' };
    case 'number':
      return { type: property.format.startsWith('int') ? 'integer' : 'number', format: property.format };
    case 'Date':
    case 'V1MicroTime':
      return ref(property.format === 'date-time-micro' ? microTime : time);
    case 'IntOrString':
      return ref(intOrString);
    case 'any':
      return wireType in machinery ? ref(wireType) : { type: 'object' };
    default:
      throw new Error(`unknown type ${type} of the property ${property.name}`);
  }
}

function ref(definition: string): Schema {
  return { $ref: `#/components/schemas/${definition}` };
}

/** An object that carries its own type says so in the description of its apiVersion. */
function groupVersionKinds(model: Model, definition: string, resources: readonly Resource[]) {
  const apiVersion = model.properties.find(({ name }) => name === 'apiVersion');
  const isWatchEvent = definition === `${metaPackage}.WatchEvent`;
  if (!isWatchEvent && !apiVersion?.description.startsWith('APIVersion defines the versioned schema')) return [];
  const kind = definition.slice(definition.lastIndexOf('.') + 1);
  const groups = new Map(
    resources.map(({ group, version }) => [`${packageOfGroup(group)}.${version}`, { group, version }]),
  );
  if (isWatchEvent || kind === 'DeleteOptions') return [...groups.values()].map((group) => ({ ...group, kind }));
  const own = definition.startsWith(metaPackage)
    ? { group: '', version: 'v1' }
    : groups.get(definition.slice(0, definition.lastIndexOf('.')));
  return own ? [{ ...own, kind }] : [];
}

type ListColumn =
  | 'definition'
  | 'property'
  | 'listType'
  | 'listMapKeys'
  | 'patchStrategy'
  | 'patchMergeKey'
  | 'mapType';

function applyListSemantics(schemas: Record<string, Schema>): void {
  for (const row of readTsv<ListColumn>('list-semantics')) {
    const definition = schemas[row.definition];
    const schema = row.property === '' ? definition : definition?.properties?.[row.property];
    if (!schema) continue;
    if (row.listType !== '') schema['x-kubernetes-list-type'] = row.listType;
    if (row.listMapKeys !== '') schema['x-kubernetes-list-map-keys'] = row.listMapKeys.split(',');
    if (row.mapType !== '') schema['x-kubernetes-map-type'] = row.mapType;
    if (row.patchStrategy !== '') schema['x-kubernetes-patch-strategy'] = row.patchStrategy;
    if (row.patchMergeKey !== '') schema['x-kubernetes-patch-merge-key'] = row.patchMergeKey;
  }
}

const apiextensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';
export const quantity = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
export const intOrString = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
export const rawExtension = 'io.k8s.apimachinery.pkg.runtime.RawExtension';
const time = `${metaPackage}.Time`;
const microTime = `${metaPackage}.MicroTime`;

/** Definitions that have no class, because the client maps them to types of the language. */
const machinery: Record<string, Schema> = {
  [quantity]: {
    description:
      'Quantity is a fixed-point number: a decimal number with an optional suffix, binary (Ki, Mi, Gi, Ti, Pi, Ei), decimal (n, u, m, k, M, G, T, P, E) or an exponent (e3, E3). "128Mi", "1.5Gi", "100m" and "1e3" are quantities. It is written in the shortest form that keeps its value and the family of its suffix.',
    oneOf: [{ type: 'string' }, { type: 'number' }],
  },
  [intOrString]: {
    description:
      'IntOrString holds an int32 or a string, such as the number or the name of a port, or a count or a percentage.',
    format: 'int-or-string',
    oneOf: [{ type: 'integer' }, { type: 'string' }],
  },
  [rawExtension]: { description: 'RawExtension holds an object of any kind.', type: 'object' },
  [time]: { description: 'Time is a moment in RFC 3339, to the second.', type: 'string', format: 'date-time' },
  [microTime]: {
    description: 'MicroTime is a moment in RFC 3339, to the microsecond.',
    type: 'string',
    format: 'date-time',
  },
  [`${metaPackage}.FieldsV1`]: {
    description:
      'FieldsV1 is a set of fields as a tree: "f:NAME" is a field, "k:KEYS" an item of a list by its keys, "v:VALUE" an item of a set, "i:N" an item by its index, and "." the node itself.',
    type: 'object',
  },
  [`${metaPackage}.Patch`]: { description: 'Patch is the body of a PATCH request.', type: 'object' },
  [`${apiextensions}.JSON`]: { description: 'JSON is any valid JSON value.' },
  [`${apiextensions}.JSONSchemaPropsOrArray`]: { description: 'A JSONSchemaProps, or a list of them.' },
  [`${apiextensions}.JSONSchemaPropsOrBool`]: { description: 'A JSONSchemaProps, or a boolean.' },
  [`${apiextensions}.JSONSchemaPropsOrStringArray`]: { description: 'A JSONSchemaProps, or a list of strings.' },
  [`${apiextensions}.CustomResourceSubresourceStatus`]: {
    description: 'CustomResourceSubresourceStatus switches the status subresource on.',
    type: 'object',
  },
};
