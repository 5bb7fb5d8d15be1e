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
  readonly name: string;
  readonly value: JsonValue | undefined;
  readonly dropsNull: boolean;
  readonly inside: Defaulter | undefined;
}

function objectDefaults(properties: Readonly<Record<string, JsonSchema>>): Defaulter | undefined {
  const fields: Field[] = Object.entries(properties).map(([name, own]) => ({
    name,
    value: own.default as JsonValue | undefined,
    dropsNull: own.nullable !== true,
    inside: compileDefaults(own),
  }));
  return (value) => {
    if (!isContainer(value)) return false;
    let changed = false;
    for (const { name, value: given, dropsNull, inside } of fields) {
      let own = ownValue(value, name);
      if (own === null && dropsNull) {
        delete value[name];
        own = undefined;
        changed = true;
      }
      if (own === undefined && given !== undefined) {
        own = copyJson(given);
        setOwn(value, name, own);
        changed = true;
      }
      if (inside && own !== undefined) changed = inside(own) || changed;
    }
    return changed;
  };
}

function isContainer(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
