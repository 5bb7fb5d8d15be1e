/**
 * Takes out what a schema does not know. Objects are pruned when they are written; this is for what was stored under an older schema, which may
 * be of any shape: where the shape is another one than the schema's, nothing is touched.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '@slipway/api/patch/json-value';
import type { ObjectSchema, Schema } from '@slipway/api/schema/structural-schema';

/** Changes the value in place, which belongs to the caller. True when anything was taken out. */
export type Pruner = (value: JsonValue) => boolean;

export function pruner(schema: ObjectSchema): Pruner {
  return (value) => isJsonObject(value) && pruneObject(value as JsonObject, schema);
}

function prune(value: JsonValue, schema: Schema): boolean {
  switch (schema.type) {
    case 'object':
      return isJsonObject(value) && pruneObject(value as JsonObject, schema);
    case 'map': {
      if (!isJsonObject(value)) return false;
      return Object.keys(value)
        .map((key) => prune(value[key] as JsonValue, schema.values))
        .includes(true);
    }
    case 'list':
      return Array.isArray(value) && value.map((item) => prune(item, schema.items)).includes(true);
    default:
      return false;
  }
}

function pruneObject(object: JsonObject, { fields, preserveUnknownFields }: ObjectSchema): boolean {
  let isChanged = false;
  for (const key of Object.keys(object)) {
    const known = fields.get(key);
    if (!known) {
      if (preserveUnknownFields) continue;
      delete object[key];
      isChanged = true;
      // Metadata has rules of its own.
    } else if (key !== 'metadata' && prune(object[key] as JsonValue, known)) isChanged = true;
  }
  return isChanged;
}
