/** How objects of one version of a definition are defaulted, checked and shown: the strategy that the generic registry runs. */
import { ownValue, sameJson, type JsonObject, type JsonValue } from '@slipway/api/patch/json-value';
import type { ApiResource } from '@slipway/api/resources';
import type { KubeObject } from '@slipway/api/types';
import { type FieldError, invalid } from '@slipway/api/validation/field-error';
import { parseLabelSelector, SelectorError } from '@slipway/api/selector';
import type { ScaleAccess, Strategy, UpdateRules } from '../registry/strategy.ts';
import type { DefinitionVersion } from './definition/definition.ts';
import { fieldsOfPath, parseJsonPath, readPath, writePath } from './json-path.ts';
import { compileDefaults } from './schema/defaults.ts';
import { compileEmbedded } from './schema/embedded.ts';
import { compileListRules } from './schema/list-rules.ts';
import { compileRules } from './schema/rules.ts';
import { compileValidation } from './schema/validate.ts';

type CustomObject = KubeObject & { status?: unknown };

export function customStrategy(api: ApiResource, version: DefinitionVersion): Strategy {
  const schema = version.schema?.openAPIV3Schema ?? {};
  const applyDefaults = compileDefaults(schema);
  const check = objectCheck(version);
  const hasStatus = version.subresources?.status !== undefined;
  const { scale } = version.subresources ?? {};
  const ratcheted = new WeakMap<KubeObject, readonly string[]>();
  const checked = (draft: KubeObject, old: KubeObject | undefined): FieldError[] => {
    const { errors, warnings } = check(draft, old);
    if (warnings.length > 0) ratcheted.set(draft, warnings);
    return errors;
  };
  const status: UpdateRules = { validateUpdate: checked };
  return {
    resource: api,
    ...(applyDefaults ? { defaults: (draft: KubeObject) => void applyDefaults(draft as unknown as JsonValue) } : {}),
    prepareCreate(draft: CustomObject) {
      if (hasStatus) delete draft.status;
      draft.metadata.generation = 1;
    },
    prepareUpdate(draft: CustomObject, old: CustomObject) {
      if (hasStatus) keepStatus(draft, old);
      const generation = old.metadata.generation ?? 1;
      draft.metadata.generation = sameContent(draft, old, hasStatus) ? generation : generation + 1;
    },
    validate: () => [],
    validateCreate: (draft) => checked(draft, undefined),
    validateUpdate: checked,
    warnings: (draft) => [...(ratcheted.get(draft) ?? [])],
    status,
    ...(scale ? { scale: scaleAccess(scale) } : {}),
    ...selectable(version),
    allowUnconditionalUpdate: false,
  };
}

function keepStatus(draft: CustomObject, old: CustomObject): void {
  if (old.status === undefined) delete draft.status;
  else draft.status = old.status;
}

/** Equal but for the metadata, and for the status where it is an endpoint of its own. */
function sameContent(draft: CustomObject, old: CustomObject, hasStatus: boolean): boolean {
  const content = ({ metadata: _, apiVersion: __, status, ...rest }: CustomObject) =>
    hasStatus ? rest : { ...rest, status: status ?? null };
  return sameJson(content(draft), content(old));
}

/** Errors after which a value may be of any shape, so that rules would stumble over it. */
const blocking: ReadonlySet<string> = new Set([
  'FieldValueRequired',
  'FieldValueNotSupported',
  'FieldValueDuplicate',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

function objectCheck(version: DefinitionVersion) {
  const schema = version.schema?.openAPIV3Schema ?? {};
  const checkValue = compileValidation(schema);
  const checkEmbedded = compileEmbedded(schema);
  const checkLists = compileListRules(schema);
  let rules: { readonly check: ReturnType<typeof compileRules> } | undefined;
  return (draft: KubeObject, old: KubeObject | undefined): { errors: FieldError[]; warnings: string[] } => {
    const value = draft as unknown as JsonObject;
    const errors: FieldError[] = [];
    // Metadata is checked as that of any kind.
    checkValue(withoutMetadata(value), old && withoutMetadata(old as unknown as JsonObject), '', errors);
    checkEmbedded?.(value, '', errors);
    checkLists?.(value, '', errors);
    rules ??= { check: compileRules(schema) };
    if (!rules.check) return { errors, warnings: [] };
    if (errors.some(({ type }) => blocking.has(type))) return { errors: [...errors, rulesNotRun], warnings: [] };
    const found = rules.check(value, old as unknown as JsonObject | undefined);
    return { errors: [...errors, ...found.errors], warnings: found.warnings };
  };
}

/** The name and generateName stay: a schema may say something of them. */
function withoutMetadata(object: JsonObject): JsonObject {
  const metadata = ownValue(object, 'metadata') as JsonObject | undefined;
  if (!metadata) return object;
  const { name, generateName } = metadata;
  return {
    ...object,
    metadata: { ...(name === undefined ? {} : { name }), ...(generateName === undefined ? {} : { generateName }) },
  };
}

const rulesNotRun = invalid(
  '<nil>',
  null,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
);

function scaleAccess(
  paths: NonNullable<NonNullable<DefinitionVersion['subresources']>['scale']>,
): ScaleAccess<KubeObject> {
  const spec = fieldsOfPath(paths.specReplicasPath) ?? [];
  const status = fieldsOfPath(paths.statusReplicasPath) ?? [];
  const selector = paths.labelSelectorPath === undefined ? undefined : fieldsOfPath(paths.labelSelectorPath);
  const numberAt = (object: KubeObject, path: readonly string[]) => {
    const value = readPath(object, path);
    return typeof value === 'number' ? value : 0;
  };
  return {
    replicas: (object) => ({
      spec: numberAt(object, spec),
      status: numberAt(object, status),
      selector: selectorText(selector && readPath(object, selector)),
    }),
    setReplicas: (draft, replicas) => writePath(draft, spec, replicas),
  };
}

function selectorText(value: unknown): string {
  if (typeof value !== 'string') return '';
  try {
    parseLabelSelector(value);
    return value;
  } catch (error) {
    if (error instanceof SelectorError) return '';
    throw error;
  }
}

function selectable({ selectableFields = [] }: DefinitionVersion): Pick<Strategy, 'selectableFields'> {
  if (selectableFields.length === 0) return {};
  const readers = selectableFields.map(({ jsonPath }) => {
    const read = parseJsonPath(jsonPath);
    const [, name = ''] = /^\.?(.*)$/.exec(jsonPath) ?? [];
    return [name, (object: KubeObject) => selectedText(read?.(object)[0])] as const;
  });
  return { selectableFields: Object.fromEntries(readers) };
}

function selectedText(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}
