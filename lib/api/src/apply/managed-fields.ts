/**
 * Field ownership (server-side apply): who set which field of an object, kept in `metadata.managedFields`.
 *
 * A write by Update takes the fields that it changed away from everybody else. An Apply states everything that its
 * manager wants: a field that somebody else holds with another value is a conflict, unless forced; a field that the
 * manager applied before and leaves out now is removed, when nobody else holds it.
 *
 * Source: Kubernetes documentation, Server-Side Apply; KEP 555.
 */
import type { ManagedFieldsEntry, ObjectMeta } from '../types.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../patch/json-value.ts';
import type { ObjectSchema } from '../schema/structural-schema.ts';
import { type StatusCause, StatusError } from '../status-error.ts';
import { decodeFields, emptySet, encodeFields, FieldSet, fieldElement, pathSet } from './field-set.ts';
import { mergeObjects, removeFields } from './merge-objects.ts';
import { newObjectFields } from './new-object-fields.ts';
import { differenceOf, fieldsOf } from './owned-fields.ts';

/** Entries of Update managers that are kept apart; older ones are folded into one (upstream's bound). */
const updateManagersMax = 10;
const ancientManager = 'ancient-changes';
const beforeFirstApply = 'before-first-apply';

export interface WriteBy {
  readonly manager: string;
  /** `apps/v1` */
  readonly apiVersion: string;
  /** Name of the subresource that is written, or undefined. */
  readonly subresource?: string | undefined;
  /** RFC 3339, to the second. */
  readonly time: string;
  /** Fields that this endpoint never changes (status on the main one, spec on `status`): they are owned by nobody through it. */
  readonly ignored?: FieldSet;
}

interface Manager {
  readonly entry: ManagedFieldsEntry;
  readonly fields: FieldSet;
}

/** What the server itself keeps: nobody owns these. */
const unowned: FieldSet = [
  ['apiVersion'],
  ['kind'],
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'generation',
    'managedFields',
    'resourceVersion',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ].map((name) => ['metadata', name]),
].reduce((set, path) => set.union(pathSet(path.map(fieldElement))), emptySet);

/** Fields that an endpoint does not write: `['status']` for the main endpoint of a kind with a status subresource. */
export function ignoredFields(...paths: readonly (readonly string[])[]): FieldSet {
  return paths.reduce((set, path) => set.union(pathSet(path.map(fieldElement))), emptySet);
}

export interface ManagedObject {
  readonly metadata: ObjectMeta;
}

const asJson = (object: object) => object as unknown as JsonObject;

/**
 * The `managedFields` of an object after a create (no `before`) or update. `after` may carry managedFields of the
 * client's: when they differ from the stored ones the client edited them, and they are the base.
 */
export function managedFieldsAfterUpdate(
  before: ManagedObject | undefined,
  after: ManagedObject,
  schema: ObjectSchema,
  by: WriteBy,
): ManagedFieldsEntry[] {
  if (!before && !after.metadata.managedFields) return managedFieldsOfNew(after, schema, by);
  const managers = readManagers(baseEntries(before, after));
  const { changed, removed } = differenceOf(before ? asJson(before) : {}, asJson(after), schema);
  const owned = withoutUnowned(changed, by);
  const gone = withoutUnowned(removed, by);
  if (owned.isEmpty && gone.isEmpty) return managers.map((manager) => manager.entry);
  const self = managers.find((manager) => isSame(manager.entry, by, 'Update'));
  const others = managers
    .filter((manager) => manager !== self)
    .map((manager) => withFields(manager, manager.fields.minus(owned).minus(gone)));
  const fields = (self?.fields ?? emptySet).union(owned).minus(gone);
  const updated = self?.fields.equals(fields) ? self : { entry: newEntry(by, 'Update'), fields };
  return writeManagers([...others, updated], by.time);
}

function managedFieldsOfNew(object: ManagedObject, schema: ObjectSchema, by: WriteBy): ManagedFieldsEntry[] {
  const fieldsV1 = newObjectFields(asJson(object), schema, by.ignored ? [unowned, by.ignored] : [unowned]);
  return fieldsV1 ? [{ ...newEntry(by, 'Update'), fieldsV1 }] : [];
}

export interface Applied {
  readonly object: JsonObject;
  /** False when neither the object nor the ownership changed. */
  readonly changed: boolean;
}

/**
 * Applies a configuration to the live object (undefined: it is created). The answer carries the new managedFields.
 * Throws `StatusError`: Conflict with a cause per field, BadRequest for managedFields in the configuration.
 */
export function applyConfiguration(
  live: ManagedObject | undefined,
  config: JsonObject,
  schema: ObjectSchema,
  by: WriteBy & { readonly force: boolean },
): Applied {
  refuseManagedFields(config);
  const managers = live ? liveManagers(live, schema, by) : [];
  const self = managers.find((manager) => isSame(manager.entry, by, 'Apply'));
  const others = managers.filter((manager) => manager !== self);
  const claimed = withoutUnowned(fieldsOf(config, schema), by);
  const liveObject = live ? withoutManagedFields(live) : {};
  const merged = mergeObjects(liveObject, config, schema);
  const { changed } = differenceOf(liveObject, merged, schema);
  const contested = live ? conflictsWith(others, changed.intersection(claimed)) : [];
  if (contested.length > 0 && !by.force) throw conflictError(contested);
  const taken = contested.reduce((set, { fields }) => set.union(fields), emptySet);
  const remaining = others.map((manager) => withFields(manager, manager.fields.minus(taken)));
  const heldByOthers = remaining.reduce((set, manager) => set.union(manager.fields), emptySet).withParents();
  const givenUp = (self?.fields ?? emptySet).minus(claimed).minus(heldByOthers);
  const object = removeFields(merged, givenUp.minus(claimed.withParents()), schema);
  const isSameClaim = self !== undefined && self.entry.apiVersion === by.apiVersion && self.fields.equals(claimed);
  const own = self && isSameClaim ? self : { entry: newEntry(by, 'Apply'), fields: claimed };
  // Whoever applies again stands where they stood: otherwise the same configuration would be a change.
  const place = self ? managers.indexOf(self) : remaining.length;
  const entries = writeManagers(remaining.toSpliced(place, 0, own), by.time);
  const metadata = isJsonObject(object.metadata) ? object.metadata : {};
  object.metadata = { ...metadata, managedFields: entries as unknown as JsonValue };
  return {
    object,
    changed: !live || !isSameClaim || taken !== emptySet || !differenceIsEmpty(liveObject, object, schema),
  };
}

function differenceIsEmpty(before: JsonObject, after: JsonObject, schema: ObjectSchema): boolean {
  const difference = differenceOf(before, after, schema);
  const ignored = { ignored: emptySet };
  return withoutUnowned(difference.changed, ignored).isEmpty && withoutUnowned(difference.removed, ignored).isEmpty;
}

function refuseManagedFields(config: JsonObject): void {
  const entries = isJsonObject(config.metadata) ? config.metadata.managedFields : undefined;
  if (Array.isArray(entries) && entries.length > 0)
    throw new StatusError('BadRequest', 'metadata.managedFields must be nil');
}

function withoutManagedFields(object: ManagedObject): JsonObject {
  const { metadata, ...rest } = asJson(object);
  const { managedFields: _, ...kept } = metadata as JsonObject;
  return { ...rest, metadata: kept };
}

function withoutUnowned(set: FieldSet, by: Pick<WriteBy, 'ignored'>): FieldSet {
  const own = set.minusBelow(unowned);
  return dropEmpty(by.ignored ? own.minusBelow(by.ignored) : own);
}

/** A `metadata` node that lost everything below it is no claim on metadata as a whole. */
function dropEmpty(set: FieldSet): FieldSet {
  const metadata = set.children.get('f:metadata');
  if (!metadata || metadata.children.size > 0) return set;
  const children = new Map(set.children);
  children.delete('f:metadata');
  return new FieldSet(set.isMember, children);
}

/** An object that was never managed belongs, at its first apply, to whoever wrote it before. */
function liveManagers(live: ManagedObject, schema: ObjectSchema, by: WriteBy): Manager[] {
  const entries = live.metadata.managedFields ?? [];
  if (entries.length > 0) return readManagers(entries);
  const fields = withoutUnowned(fieldsOf(asJson(live), schema), {});
  if (fields.isEmpty) return [];
  return [{ entry: { ...newEntry({ ...by, manager: beforeFirstApply, subresource: undefined }, 'Update') }, fields }];
}

function baseEntries(before: ManagedObject | undefined, after: ManagedObject): readonly ManagedFieldsEntry[] {
  const given = after.metadata.managedFields;
  if (!given) return before?.metadata.managedFields ?? [];
  // A list with one empty entry is how a client says "forget all owners".
  return given.length === 1 && given[0] && Object.keys(given[0]).length === 0 ? [] : given;
}

function readManagers(entries: readonly ManagedFieldsEntry[]): Manager[] {
  return entries.flatMap((entry) => {
    try {
      return [{ entry, fields: decodeFields(entry.fieldsV1 ?? {}) }];
    } catch {
      return []; // an entry that nobody can read claims nothing
    }
  });
}

function writeManagers(managers: readonly Manager[], time: string): ManagedFieldsEntry[] {
  const owning = managers.filter((manager) => !manager.fields.isEmpty);
  const capped = foldOldest(owning, time);
  return capped.map(({ entry, fields }) => (entry.fieldsV1 ? entry : { ...entry, fieldsV1: encodeFields(fields) }));
}

function foldOldest(managers: readonly Manager[], time: string): readonly Manager[] {
  const updates = managers.filter(({ entry }) => entry.operation === 'Update' && !entry.subresource);
  if (updates.length <= updateManagersMax) return managers;
  const oldest = [...updates]
    .sort((a, b) => (a.entry.time ?? '').localeCompare(b.entry.time ?? ''))
    .slice(0, updates.length - updateManagersMax + 1);
  const fields = oldest.reduce((set, manager) => set.union(manager.fields), emptySet);
  const apiVersion = oldest[0]?.entry.apiVersion ?? '';
  const ancient: Manager = { entry: newEntry({ manager: ancientManager, apiVersion, time }, 'Update'), fields };
  return [ancient, ...managers.filter((manager) => !oldest.includes(manager))];
}

/** The entry with other fields; it is encoded again only when they changed. */
function withFields(manager: Manager, fields: FieldSet): Manager {
  if (fields.equals(manager.fields)) return manager;
  const { fieldsV1: _, ...entry } = manager.entry;
  return { entry, fields };
}

function newEntry(by: WriteBy, operation: 'Apply' | 'Update'): ManagedFieldsEntry {
  return {
    manager: by.manager,
    operation,
    apiVersion: by.apiVersion,
    time: by.time,
    fieldsType: 'FieldsV1',
    ...(by.subresource ? { subresource: by.subresource } : {}),
  };
}

/** As upstream: who applies stays the same one when it goes over to another version of the kind. */
function isSame(entry: ManagedFieldsEntry, by: WriteBy, operation: 'Apply' | 'Update'): boolean {
  return (
    entry.manager === by.manager &&
    entry.operation === operation &&
    (entry.subresource ?? '') === (by.subresource ?? '') &&
    (operation === 'Apply' || entry.apiVersion === by.apiVersion)
  );
}

interface Conflict {
  readonly entry: ManagedFieldsEntry;
  readonly fields: FieldSet;
}

function conflictsWith(others: readonly Manager[], changed: FieldSet): Conflict[] {
  return others.flatMap(({ entry, fields }) => {
    const contested = fields.intersection(changed);
    return contested.isEmpty ? [] : [{ entry, fields: contested }];
  });
}

function conflictError(conflicts: readonly Conflict[]): StatusError {
  const causes: StatusCause[] = [];
  const groups: string[] = [];
  for (const { entry, fields } of conflicts) {
    const paths = [...fields.paths()].map(pathText);
    const said = managerText(entry);
    for (const path of paths)
      causes.push({ reason: 'FieldManagerConflict', message: `conflict with ${said}`, field: path });
    groups.push(
      paths.length === 1
        ? `conflict with ${said}: ${paths[0]}`
        : `conflicts with ${said}:\n${paths.map((path) => `- ${path}`).join('\n')}`,
    );
  }
  const head =
    causes.length === 1 ? 'Apply failed with 1 conflict: ' : `Apply failed with ${causes.length} conflicts: `;
  return new StatusError('Conflict', head + groups.join('\n'), { details: { causes } });
}

/** As upstream: who applied is the same one in every version, who updated is not. */
function managerText(entry: ManagedFieldsEntry): string {
  const using = entry.operation === 'Update' && entry.apiVersion ? ` using ${entry.apiVersion}` : '';
  const subresource = entry.subresource ? ` with subresource "${entry.subresource}"` : '';
  const at = entry.operation === 'Update' && entry.time ? ` at ${entry.time}` : '';
  return `${JSON.stringify(entry.manager)}${subresource}${using}${at}`;
}

/** `.spec.template.spec.containers[name="app"].image` */
function pathText(path: readonly string[]): string {
  return path.map(elementText).join('');
}

function elementText(element: string): string {
  const rest = element.slice(2);
  if (element.startsWith('f:')) return `.${rest}`;
  if (element.startsWith('i:')) return `[${rest}]`;
  if (element.startsWith('v:')) return `[=${rest}]`;
  const keys = Object.entries(JSON.parse(rest) as JsonObject).map(
    ([name, value]) => `${name}=${JSON.stringify(value)}`,
  );
  return `[${keys.join(',')}]`;
}
