/**
 * Strategic merge patch: a merge patch that knows from the schema which lists are merged by a key.
 *
 * Directives of a patch:
 *   $patch: replace | delete | merge       in an object or in an item of a merged list
 *   $retainKeys: [a, b]                    fields of the object that stay; the others are cleared
 *   $setElementOrder/LIST: [...]           order of the items of a merged list, by their keys
 *   $deleteFromPrimitiveList/LIST: [...]   values that leave a merged list of scalars
 *
 * Source: Kubernetes API conventions, strategic merge patch.
 */
import type { ListSchema, ObjectSchema, Schema } from '../schema/structural-schema.ts';
import { copyJson, isJsonObject, type JsonObject, type JsonValue, ownValue, setOwn } from './json-value.ts';
import { PatchError } from './patch-error.ts';

const directive = '$patch';
const retainKeys = '$retainKeys';
const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

/** `document` stays as it is. Throws `PatchError` where the patch does not fit the schema. */
export function applyStrategicMergePatch(document: JsonObject, patch: unknown, schema: ObjectSchema): JsonObject {
  if (!isJsonObject(patch))
    throw new PatchError('malformed', 'error decoding patch: a strategic merge patch must be an object');
  return mergeObject(document, patch, schema);
}

function mergeObject(document: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  const action = ownValue(patch, directive);
  if (action === 'replace') return withoutDirectives(patch);
  if (action === 'delete') return {};
  if (action !== undefined && action !== 'merge') throw unknownDirective(action);
  const result: JsonObject = { ...document };
  keepOnly(result, patch);
  for (const key of Object.keys(patch)) {
    if (isDirective(key)) continue;
    const field = fieldSchema(schema, key);
    const value = patch[key] as JsonValue;
    if (value === null) delete result[key];
    else setOwn(result, key, mergeValue(ownValue(result, key), value, field, patch, key));
  }
  for (const key of Object.keys(patch))
    if (key.startsWith(deletePrefix)) deleteFromScalars(result, key.slice(deletePrefix.length), patch[key]);
  for (const key of Object.keys(patch)) {
    const list = key.startsWith(orderPrefix) ? key.slice(orderPrefix.length) : undefined;
    if (list !== undefined && !Object.hasOwn(patch, list)) reorder(result, list, patch, fieldSchema(schema, list));
  }
  return result;
}

function isDirective(key: string): boolean {
  return key === directive || key === retainKeys || key.startsWith(orderPrefix) || key.startsWith(deletePrefix);
}

function unknownDirective(action: JsonValue): PatchError {
  return new PatchError('malformed', `Unknown patch type: ${JSON.stringify(action)}`);
}

function fieldSchema(schema: Schema | undefined, key: string): Schema | undefined {
  if (schema?.type === 'object') return schema.fields.get(key);
  if (schema?.type === 'map') return schema.values;
  return undefined;
}

function keepOnly(result: JsonObject, patch: JsonObject): void {
  const keep = ownValue(patch, retainKeys);
  if (keep === undefined) return;
  if (!Array.isArray(keep)) throw new PatchError('malformed', '$retainKeys must be a list of field names');
  const kept = new Set(keep);
  for (const key of Object.keys(result)) if (!kept.has(key)) delete result[key];
}

function mergeValue(
  document: JsonValue | undefined,
  value: JsonValue,
  schema: Schema | undefined,
  patch: JsonObject,
  key: string,
): JsonValue {
  if (Array.isArray(value)) return mergeList(Array.isArray(document) ? document : [], value, schema, patch, key);
  if (!isJsonObject(value)) return value;
  if (schema?.patchStrategy.includes('replace')) return withoutDirectives(value);
  return mergeObject(isJsonObject(document) ? document : {}, value, schema);
}

function mergeList(
  document: JsonValue[],
  patch: JsonValue[],
  schema: Schema | undefined,
  parent: JsonObject,
  key: string,
): JsonValue[] {
  if (schema?.type !== 'list' || !schema.patchStrategy.includes('merge')) return patch.map(withoutDirectivesDeep);
  const isScalarList = schema.items.type !== 'object' && schema.items.type !== 'map';
  const merged = isScalarList ? mergeScalars(document, patch) : mergeItems(document, patch, schema);
  const order = ownValue(parent, orderPrefix + key);
  return Array.isArray(order) ? ordered(merged, order, isScalarList ? undefined : schema.patchMergeKey) : merged;
}

function mergeScalars(document: JsonValue[], patch: JsonValue[]): JsonValue[] {
  const known = new Set(document);
  const added = [...new Set(patch)].filter((value) => !known.has(value));
  return [...document, ...added];
}

function mergeItems(document: JsonValue[], patch: JsonValue[], schema: ListSchema): JsonValue[] {
  const mergeKey = schema.patchMergeKey;
  if (mergeKey === undefined) throw new PatchError('unprocessable', 'the list has no merge key in its schema');
  if (patch.some((item) => isJsonObject(item) && item[directive] === 'replace')) {
    return patch
      .filter((item) => !(isJsonObject(item) && item[directive] === 'replace' && Object.keys(item).length === 1))
      .map(withoutDirectivesDeep);
  }
  const items = new KeyedItems(document, mergeKey);
  for (const item of patch) {
    if (!isJsonObject(item)) throw new PatchError('unprocessable', 'items of a merged list must be objects');
    const id = ownValue(item, mergeKey);
    if (id === undefined)
      throw new PatchError(
        'unprocessable',
        `map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`,
      );
    const action = ownValue(item, directive);
    if (action === 'delete') items.delete(id);
    else if (action !== undefined && action !== 'merge') throw unknownDirective(action);
    else items.set(id, mergeObject(items.get(id) ?? {}, item, schema.items));
  }
  return items.list();
}

/** A list whose items are found by their merge key without looking at all of them. */
class KeyedItems {
  readonly #items: (JsonValue | undefined)[];
  /** Where items of an id are; lists of older writers may hold one twice. */
  readonly #places = new Map<string, number[]>();

  constructor(items: readonly JsonValue[], mergeKey: string) {
    this.#items = [...items];
    for (const [at, item] of items.entries()) {
      const id = isJsonObject(item) ? ownValue(item, mergeKey) : undefined;
      if (id !== undefined) this.#place(id, at);
    }
  }

  #place(id: JsonValue, at: number): void {
    const key = JSON.stringify(id);
    const places = this.#places.get(key);
    if (places) places.push(at);
    else this.#places.set(key, [at]);
  }

  /** The first of them. */
  get(id: JsonValue): JsonObject | undefined {
    const at = this.#places.get(JSON.stringify(id))?.[0];
    return at === undefined ? undefined : (this.#items[at] as JsonObject);
  }

  /** In the place of the first, or at the end. */
  set(id: JsonValue, item: JsonObject): void {
    const at = this.#places.get(JSON.stringify(id))?.[0];
    if (at !== undefined) this.#items[at] = item;
    else this.#place(id, this.#items.push(item) - 1);
  }

  delete(id: JsonValue): void {
    const key = JSON.stringify(id);
    for (const at of this.#places.get(key) ?? []) this.#items[at] = undefined;
    this.#places.delete(key);
  }

  list(): JsonValue[] {
    return this.#items.filter((item) => item !== undefined);
  }
}

function deleteFromScalars(result: JsonObject, list: string, values: JsonValue | undefined): void {
  const current = ownValue(result, list);
  if (!Array.isArray(current)) return;
  if (!Array.isArray(values)) throw new PatchError('malformed', `${deletePrefix}${list} must be a list`);
  const deleted = new Set(values);
  setOwn(
    result,
    list,
    current.filter((value) => !deleted.has(value)),
  );
}

function reorder(result: JsonObject, list: string, patch: JsonObject, schema: Schema | undefined): void {
  const current = ownValue(result, list);
  const order = ownValue(patch, orderPrefix + list);
  if (!Array.isArray(current) || !Array.isArray(order) || schema?.type !== 'list') return;
  setOwn(result, list, ordered(current, order, schema.items.type === 'object' ? schema.patchMergeKey : undefined));
}

/**
 * Items that the order names come in that order; an item that it does not name (somebody else's) keeps its place
 * in the list.
 */
function ordered(items: JsonValue[], order: JsonValue[], mergeKey: string | undefined): JsonValue[] {
  const idOf = (item: JsonValue) =>
    JSON.stringify(mergeKey !== undefined && isJsonObject(item) ? (item[mergeKey] ?? null) : item);
  const rank = new Map(order.map((item, index) => [idOf(item), index]));
  const named = items
    .filter((item) => rank.has(idOf(item)))
    .sort((a, b) => (rank.get(idOf(a)) ?? 0) - (rank.get(idOf(b)) ?? 0));
  const result: JsonValue[] = [];
  let next = 0;
  for (const item of items) result.push(rank.has(idOf(item)) ? (named[next++] as JsonValue) : item);
  return result;
}

function withoutDirectives(patch: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const key of Object.keys(patch))
    if (!isDirective(key) && patch[key] !== null) setOwn(result, key, withoutDirectivesDeep(patch[key] as JsonValue));
  return result;
}

function withoutDirectivesDeep(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutDirectivesDeep);
  return isJsonObject(value) ? withoutDirectives(value) : copyJson(value);
}
