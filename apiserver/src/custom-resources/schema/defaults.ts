/** Fills in a schema's defaults. Nulls where the schema allows none are taken out first, so that they get the default too. */
import { copyJson, type JsonObject, type JsonValue, ownValue, setOwn } from '@slipway/api/patch/json-value';
import { isObjectSchema, type JsonSchema } from './json-schema.ts';

/** Changes the value in place, which belongs to the caller. True when anything was changed. */
export type Defaulter = (value: JsonValue) => boolean;

/** Undefined when nothing in the schema has a default and nothing can be null that may not. */
export function compileDefaults(schema: JsonSchema): Defaulter | undefined {
  const { properties, items, additionalProperties } = schema;
  if (items) return listDefaults(compileDefaults(items));
  if (isObjectSchema(additionalProperties)) return mapDefaults(compileDefaults(additionalProperties));
  return properties ? objectDefaults(properties) : undefined;
}

function listDefaults(each: Defaulter | undefined): Defaulter | undefined {
  if (!each) return undefined;
  return (value) => {
    let changed = false;
    if (Array.isArray(value)) for (const item of value) changed = each(item) || changed;
    return changed;
  };
}

function mapDefaults(each: Defaulter | undefined): Defaulter | undefined {
  if (!each) return undefined;
  return (value) => {
    let changed = false;
    if (isContainer(value)) for (const key of Object.keys(value)) changed = each(value[key] as JsonValue) || changed;
    return changed;
  };
}

interface Field {
  readonly dropsNull: boolean;
  readonly inside: Defaulter | undefined;
}

/** An object has few of the properties that its schema knows: it is walked by its own, and then by those that have a default. */
function objectDefaults(properties: Readonly<Record<string, JsonSchema>>): Defaulter | undefined {
  const fields = new Map<string, Field>();
  const filled: (readonly [name: string, value: JsonValue])[] = [];
  for (const [name, own] of Object.entries(properties)) {
    fields.set(name, { dropsNull: own.nullable !== true, inside: compileDefaults(own) });
    if (own.default !== undefined) filled.push([name, own.default as JsonValue]);
  }
  return (value) => {
    if (!isContainer(value)) return false;
    let changed = false;
    for (const name of Object.keys(value)) {
      const field = fields.get(name);
      if (!field) continue;
      const own = value[name] as JsonValue;
      if (own === null && field.dropsNull) {
        delete value[name];
        changed = true;
      } else if (field.inside) changed = field.inside(own) || changed;
    }
    for (const [name, given] of filled) {
      if (ownValue(value, name) !== undefined) continue;
      const own = copyJson(given);
      setOwn(value, name, own);
      fields.get(name)?.inside?.(own);
      changed = true;
    }
    return changed;
  };
}

function isContainer(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
