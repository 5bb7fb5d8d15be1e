/**
 * The fields that a new object sets, straight as FieldsV1. The same as `encodeFields` of the difference to nothing, less what nobody owns,
 * but in one walk and without a set in between: every create pays for this.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../patch/json-value.ts';
import type { ListSchema, ObjectSchema, Schema } from '../schema/structural-schema.ts';
import type { FieldSet, FieldsV1 } from './field-set.ts';
import { childSchema, isGranular, itemsByElement } from './owned-fields.ts';

type Fields = Record<string, FieldsV1>;

const leafFields: FieldsV1 = Object.freeze({});

/** Undefined when nothing is left. Members of `without` are left out with all that is below them. */
export function newObjectFields(
  object: JsonObject,
  schema: ObjectSchema,
  without: readonly FieldSet[],
): FieldsV1 | undefined {
  const fields: Fields = {};
  return addObject(fields, object, schema, without) ? fields : undefined;
}

/** Undefined for a list whose items have no keys: nobody owns those. */
function appearedFields(value: JsonValue, schema: Schema | undefined, isEntry: boolean): FieldsV1 | undefined {
  if (!isGranular(value, schema)) return leafFields;
  // A struct stands for its parts; a map and an entry of a map are owned beside their content.
  const isMember = isEntry || schema?.type === 'map';
  const fields: Fields = isMember ? { '.': leafFields } : {};
  if (Array.isArray(value)) {
    const hasParts = addItems(fields, value, schema as ListSchema);
    if (hasParts) return fields;
    return isMember || value.length === 0 ? leafFields : undefined;
  }
  return addObject(fields, value as JsonObject, schema, nothing) ? fields : leafFields;
}

/** True when anything was added. */
function addObject(
  into: Fields,
  object: JsonObject,
  schema: Schema | undefined,
  without: readonly FieldSet[],
): boolean {
  let added = false;
  for (const key of Object.keys(object).sort()) {
    const element = `f:${key}`;
    const below = without.length === 0 ? nothing : setsBelow(without, element);
    if (below.some(({ isMember }) => isMember)) continue;
    const value = object[key] as JsonValue;
    const keySchema = childSchema(schema, key);
    const fields =
      below.length === 0
        ? appearedFields(value, keySchema, schema?.type === 'map')
        : remainingFields(value, keySchema, below);
    if (!fields) continue;
    into[element] = fields;
    added = true;
  }
  return added;
}

/** Of an object of which parts are left out: with all its parts gone it is no claim itself. */
function remainingFields(
  value: JsonValue,
  schema: Schema | undefined,
  without: readonly FieldSet[],
): FieldsV1 | undefined {
  if (!isJsonObject(value) || !isGranular(value, schema)) return leafFields;
  const fields: Fields = {};
  return addObject(fields, value, schema, without) ? fields : undefined;
}

function addItems(into: Fields, list: readonly JsonValue[], schema: ListSchema): boolean {
  const items = itemsByElement(list, schema);
  for (const element of items.size > 1 ? [...items.keys()].sort() : items.keys()) {
    const item = items.get(element) as JsonValue;
    const fields = schema.listType === 'map' ? appearedFields(item, schema.items, true) : leafFields;
    into[element] = fields ?? leafFields;
  }
  return items.size > 0;
}

function setsBelow(sets: readonly FieldSet[], element: string): readonly FieldSet[] {
  const below: FieldSet[] = [];
  for (const { children } of sets) {
    const child = children.get(element);
    if (child) below.push(child);
  }
  return below;
}

const nothing: readonly FieldSet[] = [];
