import { ignoredFields, managedFieldsAfterUpdate } from '@slipway/api/apply/managed-fields';
import { childSchema, isGranular } from '@slipway/api/apply/owned-fields';
import { isJsonObject, type JsonObject, type JsonValue, ownValue } from '@slipway/api/patch/json-value';
import type { Schema } from '@slipway/api/schema/structural-schema';
import type { KubeObject, ManagedFieldsEntry } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import type { ResourceContext } from './resource-context.ts';
import type { WriteCall } from './write-call.ts';

interface OwnedWrite {
  readonly draft: KubeObject;
  readonly old: KubeObject | undefined;
  readonly subresource: string | undefined;
}

/** The status of a new object is the server's own: its creator does not own it. */
export const statusFields = ignoredFields(['status']);

/** What the main endpoint does not write. A custom resource without a status endpoint has its status like any other field. */
export function unwrittenFields({ mayEnd, strategy }: ResourceContext): typeof statusFields | undefined {
  if (!mayEnd) return statusFields;
  return strategy.resource.subresources.some(({ name }) => name === 'status') ? statusFields : undefined;
}

/** Notes in `metadata.managedFields` which fields of the draft this write set. */
export function ownFields(context: ResourceContext, { draft, old, subresource }: OwnedWrite, call: WriteCall): void {
  const entries = old
    ? entriesAfterUpdate(context, { draft, old, subresource }, call)
    : entriesOfNew(context, draft, call);
  if (entries.length > 0) draft.metadata.managedFields = entries;
  else delete draft.metadata.managedFields;
}

function entriesAfterUpdate(
  context: ResourceContext,
  { draft, old, subresource }: OwnedWrite,
  { fieldManager }: WriteCall,
): ManagedFieldsEntry[] {
  const { schema, clock } = context;
  const ignored = unwrittenFields(context);
  return managedFieldsAfterUpdate(old, draft, schema, {
    manager: fieldManager,
    apiVersion: draft.apiVersion,
    time: formatTime(clock.nowMs()),
    ...(subresource !== undefined ? { subresource } : ignored ? { ignored } : {}),
  });
}

/**
 * Field sets of new objects by their shape. What is created often is created alike (the pods of a ReplicaSet, one event after another),
 * and working out the set costs more than the rest of the create.
 */
const setsByShape = new Map<string, ManagedFieldsEntry['fieldsV1']>();
/** Shapes are about a kilobyte each. Past the bound the memory is emptied, which costs only time. */
const shapesMax = 2000;
/** Large objects seldom look alike, and their shapes would fill the memory. */
const shapeCharactersMax = 8192;

/** A schema's own part of its shapes: that of a custom resource changes under its version's name. */
const schemaIds = new WeakMap<ResourceContext['schema'], number>();
let lastSchemaId = 0;

function schemaIdOf({ schema }: ResourceContext): number {
  const known = schemaIds.get(schema);
  if (known !== undefined) return known;
  schemaIds.set(schema, ++lastSchemaId);
  return lastSchemaId;
}

function entriesOfNew(context: ResourceContext, draft: KubeObject, call: WriteCall): ManagedFieldsEntry[] {
  const write = { draft, old: undefined, subresource: undefined };
  if (draft.metadata.managedFields) return entriesAfterUpdate(context, write, call);
  const ignoresStatus = unwrittenFields(context) !== undefined;
  const shape = `${schemaIdOf(context)} ${ignoresStatus}\n${shapeOf(draft, context, ignoresStatus)}`;
  const known = setsByShape.get(shape);
  if (known) {
    const time = formatTime(context.clock.nowMs());
    const { apiVersion } = draft;
    return [
      { manager: call.fieldManager, operation: 'Update', apiVersion, time, fieldsType: 'FieldsV1', fieldsV1: known },
    ];
  }
  const entries = entriesAfterUpdate(context, write, call);
  const [only] = entries;
  if (only?.fieldsV1 && entries.length === 1 && shape.length <= shapeCharactersMax) {
    if (setsByShape.size >= shapesMax) setsByShape.clear();
    setsByShape.set(shape, only.fieldsV1);
  }
  return entries;
}

/**
 * Equal for objects with equal field sets: names of fields, and of the items that are owned one by one what tells them apart. Other values do
 * not matter.
 */
function shapeOf(draft: KubeObject, { schema }: ResourceContext, ignoresStatus: boolean): string {
  const { status, metadata, ...rest } = draft as KubeObject & { status?: unknown };
  const { name: _, uid: __, creationTimestamp: ___, ...described } = metadata;
  const parts = ignoresStatus || status === undefined ? rest : { ...rest, status };
  const ofMetadata = shapeOfFields(described, schema.fields.get('metadata'));
  return `${draft.apiVersion}\n${draft.kind}\n${ofMetadata}${shapeOfFields(parts, schema)}`;
}

function shapeOfFields(object: object, schema: Schema | undefined): string {
  let shape = '{';
  for (const name in object) {
    const value = (object as JsonObject)[name];
    if (value === undefined) continue;
    // The length says where the name ends, whatever is in it, and costs less than quoting.
    shape += `${name.length}:${name}${shapeOfValue(value, childSchema(schema, name))},`;
  }
  return `${shape}}`;
}

function shapeOfValue(value: JsonValue, schema: Schema | undefined): string {
  if (typeof value !== 'object' || value === null || !isGranular(value, schema)) return 'v';
  if (!Array.isArray(value)) return shapeOfFields(value, schema);
  if (schema?.type !== 'list' || schema.listType === 'set') return JSON.stringify(value);
  let shape = '[';
  for (const item of value) {
    for (const key of schema.listMapKeys) {
      shape += `${JSON.stringify(isJsonObject(item) ? ownValue(item, key) : undefined)} `;
    }
    shape += `${shapeOfValue(item, schema.items)},`;
  }
  return `${shape}]`;
}
