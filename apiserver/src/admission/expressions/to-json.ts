import { CelError, CelOptional, CelUint } from '@slipway/cel/values';
import type { JsonObject, JsonValue } from '@slipway/api/patch/json-value';

/** A value of an expression as JSON. Throws CelError for what JSON has no words for. */
export function toJson(value: unknown): JsonValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'number':
      return value;
    case 'bigint':
      return Number(value);
  }
  if (value === null) return null;
  if (value instanceof CelUint) return Number(value.value);
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Map) return objectFrom(value.entries());
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return objectFrom(Object.entries(value));
  }
  throw new CelError('the value cannot be written as JSON');
}

/** An optional entry that is none is no entry. */
function objectFrom(entries: Iterable<readonly [unknown, unknown]>): JsonObject {
  const object: Record<string, JsonValue> = {};
  for (const [key, value] of entries) {
    if (value instanceof CelOptional) {
      if (value.value !== undefined) object[String(key)] = toJson(value.value);
    } else object[String(key)] = toJson(value);
  }
  return object as JsonObject;
}
