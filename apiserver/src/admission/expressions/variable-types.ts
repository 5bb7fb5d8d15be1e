/** What expressions of admission may name, and of which types. Names and fields are upstream's. */
import {
  bool,
  bytes,
  type CelType,
  double,
  dyn,
  type FieldType,
  int,
  listOf,
  mapOf,
  type ObjectType,
  objectOf,
  string,
  timestamp,
} from '@slipway/cel/cel-type';
import type { ListSchema, ObjectSchema, Schema } from '@slipway/api/schema/structural-schema';
import { escapedName } from '@slipway/cel/schema-type';

const strings = listOf(string);
const kind = objectOf('kubernetes.GroupVersionKind', { group: string, version: string, kind: string });
const resource = objectOf('kubernetes.GroupVersionResource', { group: string, version: string, resource: string });

export const requestType: CelType = objectOf('kubernetes.AdmissionRequest', {
  kind,
  resource,
  subResource: string,
  requestKind: kind,
  requestResource: resource,
  requestSubResource: string,
  name: string,
  namespace: string,
  operation: string,
  userInfo: objectOf('kubernetes.UserInfo', {
    username: string,
    uid: string,
    groups: strings,
    extra: mapOf(string, strings),
  }),
  dryRun: bool,
  options: dyn,
});

export const namespaceType: CelType = objectOf('kubernetes.Namespace', {
  metadata: objectOf('kubernetes.NamespaceMetadata', {
    name: string,
    generateName: string,
    namespace: string,
    labels: mapOf(string, string),
    annotations: mapOf(string, string),
    uid: string,
    creationTimestamp: timestamp,
    deletionGracePeriodSeconds: int,
    deletionTimestamp: timestamp,
    generation: int,
    resourceVersion: string,
    finalizers: strings,
  }),
  spec: objectOf('kubernetes.NamespaceSpec', { finalizers: strings }),
  status: objectOf('kubernetes.NamespaceStatus', {
    conditions: listOf(
      objectOf('kubernetes.NamespaceCondition', {
        status: string,
        type: string,
        lastTransitionTime: timestamp,
        message: string,
        reason: string,
      }),
    ),
    phase: string,
  }),
});

export const variablesTypeName = 'kubernetes.variables';

const known = new WeakMap<ObjectSchema, CelType>();

/** The type of the objects of a kind, as type checking sees it. Fields are read when they are named: schemas refer to themselves. */
export function typeOfKind(schema: ObjectSchema): CelType {
  const kept = known.get(schema);
  if (kept) return kept;
  const type = objectTypeOf(schema);
  known.set(schema, type);
  return type;
}

function typeOf(schema: Schema): CelType {
  switch (schema.type) {
    case 'object':
      return typeOfKind(schema);
    case 'map':
      return mapOf(string, typeOf(schema.values));
    case 'list':
      return listTypeOf(schema);
    case 'string':
    case 'quantity':
      return string;
    case 'boolean':
      return bool;
    case 'int32':
    case 'int64':
      return int;
    case 'double':
      return double;
    case 'bytes':
      return bytes;
    case 'time':
    case 'microTime':
      return timestamp;
    default:
      return dyn;
  }
}

function listTypeOf({ items, listType, listMapKeys }: ListSchema): CelType {
  const type = { kind: 'list', element: typeOf(items) } as const;
  if (listType === 'atomic') return type;
  return listType === 'set' ? { ...type, listType } : { ...type, listType, keys: listMapKeys };
}

function objectTypeOf(schema: ObjectSchema): CelType {
  if (schema.preserveUnknownFields) return dyn;
  let fields: ReadonlyMap<string, FieldType> | undefined;
  const type: ObjectType = {
    kind: 'object',
    name: schema.name === '' ? 'object' : schema.name,
    get fields() {
      fields ??= new Map(
        Array.from(schema.fields, ([property, own]) => {
          return [escapedName(property) ?? property, { type: typeOf(own), property }] as const;
        }),
      );
      return fields;
    },
  };
  return type;
}
