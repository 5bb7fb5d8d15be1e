import { CniError } from './cni-error.ts';

/** Readers of unknown JSON. All throw `CniError` (decoding) that names the field. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CniError('decodingFailure', `decode ${what}: not JSON`, { cause });
  }
}

export function fields(raw: unknown, what: string): JsonObject {
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) return raw as JsonObject;
  throw new CniError('decodingFailure', `${what}: expected an object`);
}

export function optionalString(object: JsonObject, key: string): string | undefined {
  return optional(object, key, 'a string', (value) => typeof value === 'string');
}

export function optionalNumber(object: JsonObject, key: string): number | undefined {
  return optional(object, key, 'a number', (value) => typeof value === 'number');
}

export function optionalBoolean(object: JsonObject, key: string): boolean | undefined {
  return optional(object, key, 'true or false', (value) => typeof value === 'boolean');
}

export function optionalStrings(object: JsonObject, key: string): readonly string[] | undefined {
  return optional(
    object,
    key,
    'a list of strings',
    (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
  );
}

function optional<T>(object: JsonObject, key: string, kind: string, fits: (value: unknown) => boolean): T | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (!fits(value)) throw new CniError('decodingFailure', `${key}: expected ${kind}`);
  return value as T;
}
