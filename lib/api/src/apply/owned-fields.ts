/**
 * Which fields an object sets, and in which fields two versions differ, by the schema: atomic parts count as one
 * field, keyed lists by item, sets by value. Source: Kubernetes server-side apply, merge strategy of structural schemas.
 */
import { isJsonObject, type JsonObject, type JsonValue, ownValue, sameJson } from '../patch/json-value.ts';
import type { ListSchema, MapSchema, ObjectSchema, Schema } from '../schema/structural-schema.ts';
import { emptySet, FieldSet, leaf, nodeOf } from './field-set.ts';

/** Values that key fields have when an item leaves them out. The built-in kinds have only this one. */
const keyDefaults: Readonly<Record<string, JsonValue>> = { protocol: 'TCP' };

/** The path element of a list's item, or undefined for an item that lacks its keys. */
export function itemElement(item: JsonValue, schema: ListSchema): string | undefined {
  if (schema.listType === 'set') return `v:${JSON.stringify(item)}`;
  if (!isJsonObject(item)) return undefined;
  const keys: JsonObject = {};
  for (const name of [...schema.listMapKeys].sort()) {
    const value = ownValue(item, name) ?? schema.keyDefaults?.[name] ?? keyDefaults[name];
    if (value !== undefined && value !== null) keys[name] = value;
  }
  return Object.keys(keys).length === 0 ? undefined : `k:${JSON.stringify(keys)}`;
}

/** What a schema leaves free is owned key by key, lists as a whole. */
const deduced: MapSchema = {
  type: 'map',
  get values() {
    return deduced;
  },
  atomic: false,
  patchStrategy: [],
  patchMergeKey: undefined,
  nullable: false,
};

export function childSchema(schema: Schema | undefined, key: string): Schema | undefined {
  if (schema?.type === 'object') return schema.fields.get(key) ?? (schema.preserveUnknownFields ? deduced : undefined);
  if (schema?.type === 'map') return schema.values;
  return undefined;
}

/** Objects and lists whose parts are owned one by one. */
export function isGranular(value: JsonValue | undefined, schema: Schema | undefined): boolean {
  if (isJsonObject(value)) return (schema?.type === 'object' || schema?.type === 'map') && !schema.atomic;
  return Array.isArray(value) && schema?.type === 'list' && schema.listType !== 'atomic';
}

/** All fields that the object sets: what an applied configuration claims. */
export function fieldsOf(object: JsonObject, schema: ObjectSchema): FieldSet {
  return nodeOf(objectFields(object, schema));
}

function objectFields(object: JsonObject, schema: Schema | undefined): Map<string, FieldSet> {
  const children = new Map<string, FieldSet>();
  for (const key of Object.keys(object)) {
    const value = object[key] as JsonValue;
    const below = valueFields(value, childSchema(schema, key));
    // A key of a map is itself something that the owner put there; a struct's field stands for its parts.
    const isMember = below.isMember || schema?.type === 'map';
    children.set(`f:${key}`, nodeOf(below.children, isMember));
  }
  return children;
}

function valueFields(value: JsonValue, schema: Schema | undefined): FieldSet {
  if (!isGranular(value, schema)) return leaf;
  if (Array.isArray(value)) return nodeOf(listFields(value, schema as ListSchema), value.length === 0);
  const children = objectFields(value as JsonObject, schema);
  return nodeOf(children, children.size === 0);
}

function listFields(list: readonly JsonValue[], schema: ListSchema): Map<string, FieldSet> {
  const children = new Map<string, FieldSet>();
  for (const item of list) {
    const element = itemElement(item, schema);
    if (element === undefined) continue;
    const below = isJsonObject(item) && schema.listType === 'map' ? objectFields(item, schema.items) : new Map();
    children.set(element, nodeOf(below, true));
  }
  return children;
}

export interface Difference {
  /** Fields that are new or have another value. */
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

const noDifference: Difference = { changed: emptySet, removed: emptySet };

export function differenceOf(before: JsonObject, after: JsonObject, schema: ObjectSchema): Difference {
  return compareObjects(before, after, schema);
}

function compareObjects(before: JsonObject, after: JsonObject, schema: Schema | undefined): Difference {
  const changed = new Map<string, FieldSet>();
  const removed = new Map<string, FieldSet>();
  const isMap = schema?.type === 'map';
  for (const key of Object.keys(after)) {
    const difference = compareValues(ownValue(before, key), after[key] as JsonValue, childSchema(schema, key), isMap);
    if (difference === noDifference) continue;
    collect(changed, `f:${key}`, difference.changed);
    collect(removed, `f:${key}`, difference.removed);
  }
  for (const key of Object.keys(before)) {
    if (Object.hasOwn(after, key)) continue;
    collect(removed, `f:${key}`, withItself(valueFields(before[key] as JsonValue, childSchema(schema, key))));
  }
  return changed.size + removed.size === 0 ? noDifference : { changed: nodeOf(changed), removed: nodeOf(removed) };
}

function collect(into: Map<string, FieldSet>, element: string, set: FieldSet): void {
  if (!set.isEmpty) into.set(element, set);
}

/** Something that went as a whole: the node itself went too. */
function withItself(set: FieldSet): FieldSet {
  return new FieldSet(true, set.children);
}

function compareValues(
  before: JsonValue | undefined,
  after: JsonValue,
  schema: Schema | undefined,
  isMapEntry: boolean,
): Difference {
  // What an endpoint does not write is the stored part itself: of a status, the whole spec.
  if (before === after) return noDifference;
  if (before === undefined) return { changed: appearedFields(after, schema, isMapEntry), removed: emptySet };
  if (!isGranular(after, schema) || !isGranular(before, schema) || Array.isArray(before) !== Array.isArray(after)) {
    return sameJson(before, after) ? noDifference : { changed: leaf, removed: emptySet };
  }
  if (Array.isArray(after)) return compareLists(before as JsonValue[], after, schema as ListSchema);
  return compareObjects(before as JsonObject, after as JsonObject, schema);
}

/** What appears as a whole. A struct stands for its parts; a map and an entry of a map are owned beside their content. */
function appearedFields(after: JsonValue, schema: Schema | undefined, isMapEntry: boolean): FieldSet {
  if (!isGranular(after, schema)) return leaf;
  const isMember = isMapEntry || schema?.type === 'map';
  if (Array.isArray(after))
    return nodeOf(compareLists([], after, schema as ListSchema).changed.children, isMember || after.length === 0);
  const { children } = compareObjects({}, after as JsonObject, schema).changed;
  return nodeOf(children, isMember || children.size === 0);
}

function compareLists(before: readonly JsonValue[], after: readonly JsonValue[], schema: ListSchema): Difference {
  if (before === after) return noDifference;
  const changed = new Map<string, FieldSet>();
  const removed = new Map<string, FieldSet>();
  const old = itemsByElement(before, schema);
  for (const [element, item] of itemsByElement(after, schema)) {
    const previous = old.get(element);
    old.delete(element);
    if (previous === undefined) {
      changed.set(element, withItself(schema.listType === 'map' ? appearedFields(item, schema.items, true) : leaf));
    } else if (schema.listType === 'map') {
      const difference = compareValues(previous, item, schema.items, false);
      collect(changed, element, difference.changed);
      collect(removed, element, difference.removed);
    }
  }
  for (const [element, item] of old)
    removed.set(element, withItself(schema.listType === 'map' ? valueFields(item, schema.items) : leaf));
  return { changed: nodeOf(changed), removed: nodeOf(removed) };
}

export function itemsByElement(list: readonly JsonValue[], schema: ListSchema): Map<string, JsonValue> {
  const items = new Map<string, JsonValue>();
  for (const item of list) {
    const element = itemElement(item, schema);
    if (element !== undefined) items.set(element, item);
  }
  return items;
}
