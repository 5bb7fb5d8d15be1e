/** Lists of type `set` have no value twice, lists of type `map` no two items with the same keys. */
import { isJsonObject, type JsonObject, type JsonValue, ownValue } from '@slipway/api/patch/json-value';
import { duplicate, type FieldError } from '@slipway/api/validation/field-error';
import { isObjectSchema, type JsonSchema } from './json-schema.ts';
import { canonical, childPath, itemKey } from './validate.ts';

type ListCheck = (value: JsonValue, path: string, errors: FieldError[]) => void;

/** Undefined when nothing in the schema is such a list. */
export function compileListRules(schema: JsonSchema): ListCheck | undefined {
  const { items, properties, additionalProperties } = schema;
  if (items) return listRules(schema, compileListRules(items));
  if (isObjectSchema(additionalProperties)) return mapRules(compileListRules(additionalProperties));
  const fields = Object.entries(properties ?? {}).flatMap(([name, own]) => {
    const check = compileListRules(own);
    return check ? [[name, check] as const] : [];
  });
  if (fields.length === 0) return undefined;
  return (value, path, errors) => {
    if (!isJsonObject(value)) return;
    for (const [name, check] of fields) {
      const own = ownValue(value, name);
      if (own !== undefined) check(own, childPath(path, name), errors);
    }
  };
}

function mapRules(each: ListCheck | undefined): ListCheck | undefined {
  if (!each) return undefined;
  return (value, path, errors) => {
    if (!isJsonObject(value)) return;
    for (const key of Object.keys(value)) each(value[key] as JsonValue, `${path}[${key}]`, errors);
  };
}

function listRules(schema: JsonSchema, each: ListCheck | undefined): ListCheck | undefined {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const isUnique = listType === 'set' || listType === 'map';
  if (!isUnique && !each) return undefined;
  return (value, path, errors) => {
    if (!Array.isArray(value)) return;
    const seen = new Set<string>();
    for (let i = 0; i < value.length; i++) {
      const item = value[i] as JsonValue;
      each?.(item, `${path}[${i}]`, errors);
      if (!isUnique) continue;
      const id = listType === 'map' ? itemKey(item, keys) : canonical(item);
      if (seen.has(id))
        errors.push(duplicate(`${path}[${i}]`, listType === 'map' && isJsonObject(item) ? keysOf(item, keys) : item));
      seen.add(id);
    }
  };
}

function keysOf(item: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.flatMap((key) => (Object.hasOwn(item, key) ? [[key, item[key] as JsonValue]] : [])));
}
