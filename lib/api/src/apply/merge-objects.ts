/** Laying an applied configuration over the live object, and taking out what its owner gave up. */
import { copyJson, isJsonObject, type JsonObject, type JsonValue, ownValue, setOwn } from '../patch/json-value.ts';
import type { ListSchema, ObjectSchema, Schema } from '../schema/structural-schema.ts';
import type { FieldSet } from './field-set.ts';
import { childSchema, isGranular, itemElement, itemsByElement } from './owned-fields.ts';

/** The live object with the configuration's fields set. Granular parts merge, atomic ones are replaced. */
export function mergeObjects(live: JsonObject, config: JsonObject, schema: ObjectSchema): JsonObject {
  return mergeParts(live, config, schema);
}

function mergeParts(live: JsonObject, config: JsonObject, schema: Schema | undefined): JsonObject {
  const result: JsonObject = { ...live };
  for (const key of Object.keys(config)) {
    setOwn(result, key, mergeValues(ownValue(live, key), config[key] as JsonValue, childSchema(schema, key)));
  }
  return result;
}

function mergeValues(live: JsonValue | undefined, config: JsonValue, schema: Schema | undefined): JsonValue {
  if (live === undefined || live === null || !isGranular(config, schema) || !isGranular(live, schema))
    return copyJson(config);
  if (Array.isArray(config))
    return Array.isArray(live) ? mergeLists(live, config, schema as ListSchema) : copyJson(config);
  return isJsonObject(live) ? mergeParts(live, config as JsonObject, schema) : copyJson(config);
}

/** The configuration's items come in its order; items of others keep their place after the item that they followed. */
function mergeLists(live: readonly JsonValue[], config: readonly JsonValue[], schema: ListSchema): JsonValue[] {
  const wanted = itemsByElement(config, schema);
  const known = itemsByElement(live, schema);
  const mergedOf = (element: string, item: JsonValue) =>
    schema.listType === 'map' && known.has(element)
      ? mergeValues(known.get(element), item, schema.items)
      : copyJson(item);
  const order = [...wanted];
  const result: JsonValue[] = [];
  let next = 0;
  for (const item of live) {
    const element = itemElement(item, schema);
    if (element === undefined || !wanted.has(element)) {
      result.push(item);
      continue;
    }
    const slot = order[next++];
    if (slot) result.push(mergedOf(...slot));
  }
  for (const slot of order.slice(next)) result.push(mergedOf(...slot));
  return result;
}

/** The object without the fields of the set. Containers that become empty by it go too. */
export function removeFields(object: JsonObject, fields: FieldSet, schema: ObjectSchema): JsonObject {
  return (removeFrom(object, fields, schema) as JsonObject | undefined) ?? {};
}

function removeFrom(value: JsonValue, fields: FieldSet, schema: Schema | undefined): JsonValue | undefined {
  if (fields.isEmpty) return value;
  if (!isGranular(value, schema)) return fields.isMember ? undefined : value;
  if (Array.isArray(value)) {
    const list = schema as ListSchema;
    const kept = value.flatMap((item) => {
      const below = fields.children.get(itemElement(item, list) ?? '');
      if (!below) return [item];
      // An item that goes takes its content along.
      if (below.isMember) return [];
      const rest = removeFrom(item, below, list.items);
      return rest === undefined ? [] : [rest];
    });
    return kept.length === 0 && value.length > 0 ? undefined : kept;
  }
  const result: JsonObject = {};
  for (const key of Object.keys(value as JsonObject)) {
    const below = fields.children.get(`f:${key}`);
    const own = (value as JsonObject)[key] as JsonValue;
    const rest = below ? removeFrom(own, below, childSchema(schema, key)) : own;
    if (rest !== undefined) setOwn(result, key, rest);
  }
  const becameEmpty = Object.keys(result).length === 0 && Object.keys(value as JsonObject).length > 0;
  return becameEmpty ? undefined : result;
}
