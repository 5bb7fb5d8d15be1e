/** Whether a CustomResourceDefinition can be served, in upstream's words. */
import { dns1035LabelProblems, dnsSubdomainProblems } from '@slipway/api/names';
import { sameJson } from '@slipway/api/patch/json-value';
import {
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  pushInvalid,
  required,
} from '@slipway/api/validation/field-error';
import { fieldsOfPath, parseJsonPath } from '../json-path.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import { patternTotal, patternTotalMax } from '../schema/pattern-total.ts';
import { validateSchema } from '../schema/validate-schema.ts';
import type {
  CustomResourceDefinition,
  DefinitionConversion,
  DefinitionNames,
  DefinitionSpec,
  DefinitionVersion,
  PrinterColumn,
} from './definition.ts';
import { isConditionTrue } from './definition.ts';

const approvalAnnotation = 'api-approved.kubernetes.io';

export function validateDefinition(
  draft: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const { spec, metadata } = draft;
  if (!spec) return [required('spec')];
  if (metadata.name !== `${spec.names?.plural}.${spec.group}`) {
    errors.push(invalid('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  validateGroup(errors, spec.group ?? '');
  validateVersions(errors, spec);
  if (!spec.scope) errors.push(required('spec.scope'));
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced') {
    errors.push(notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']));
  }
  if (spec.preserveUnknownFields) {
    const text =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(invalid('spec.preserveUnknownFields', true, text));
  }
  if (spec.names) validateNames(errors, spec.names, 'spec.names');
  validateConversion(errors, spec.conversion);
  validateApproval(errors, draft);
  errors.push(...validateSchemas(spec, old?.spec));
  return errors;
}

function validateGroup(errors: FieldError[], group: string): void {
  if (group === '') errors.push(required('spec.group'));
  else {
    pushInvalid(errors, 'spec.group', group, dnsSubdomainProblems(group));
    if (!group.includes('.')) errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'));
  }
}

function validateVersions(errors: FieldError[], { versions }: DefinitionSpec): void {
  const names = versions.map(({ name }) => name);
  if (new Set(names).size < names.length)
    errors.push(invalid('spec.versions', versions, 'must contain unique version names'));
  if (versions.filter(({ storage }) => storage).length !== 1) {
    errors.push(invalid('spec.versions', versions, 'must have exactly one version marked as storage version'));
  }
  for (const [i, version] of versions.entries()) {
    const path = `spec.versions[${i}]`;
    pushInvalid(errors, `${path}.name`, version.name, dns1035LabelProblems(version.name ?? ''));
    validateDeprecation(errors, version, path);
    validateColumns(errors, version.additionalPrinterColumns ?? [], `${path}.additionalPrinterColumns`);
    validateScale(errors, version, `${path}.subresources.scale`);
    validateSelectable(errors, version, `${path}.selectableFields`);
  }
}

function validateDeprecation(
  errors: FieldError[],
  { deprecated, deprecationWarning: text }: DefinitionVersion,
  path: string,
): void {
  if (text === undefined) return;
  const at = `${path}.deprecationWarning`;
  if (!deprecated) errors.push(invalid(at, text, 'can only be set for deprecated versions'));
  if (text === '') errors.push(invalid(at, text, 'must not be empty'));
  if (/[\p{Cc}]/u.test(text))
    errors.push(invalid(at, text, 'must only contain printable UTF-8 characters; non-printable character found'));
  if (new TextEncoder().encode(text).length > 256) errors.push(invalid(at, text, 'must be <= 256 bytes'));
}

function validateNames(errors: FieldError[], names: DefinitionNames, path: string): void {
  const { plural = '', singular = '', kind = '', listKind = '', shortNames = [], categories = [] } = names;
  const label = (value: string, field: string) => {
    if (value === '') errors.push(required(`${path}.${field}`));
    else pushInvalid(errors, `${path}.${field}`, value, dns1035LabelProblems(value));
  };
  const mixedCase = (value: string, field: string) => {
    if (value === '') errors.push(required(`${path}.${field}`));
    const problems = dns1035LabelProblems(value.toLowerCase());
    if (value !== '' && problems.length > 0) {
      errors.push(
        invalid(`${path}.${field}`, value, `may have mixed case, but should otherwise match: ${problems.join(',')}`),
      );
    }
  };
  label(plural, 'plural');
  label(singular, 'singular');
  mixedCase(kind, 'kind');
  mixedCase(listKind, 'listKind');
  for (const [i, name] of shortNames.entries()) {
    pushInvalid(errors, `${path}.shortNames[${i}]`, name, dns1035LabelProblems(name));
  }
  for (const [i, name] of categories.entries()) {
    pushInvalid(errors, `${path}.categories[${i}]`, name, dns1035LabelProblems(name));
  }
  if (kind !== '' && kind === listKind) {
    errors.push(invalid(`${path}.listKind`, listKind, 'kind and listKind may not be the same'));
  }
}

const columnTypes = ['integer', 'number', 'string', 'boolean', 'date'];
const columnFormats = ['int32', 'int64', 'float', 'double', 'byte', 'date', 'date-time', 'password'];

function validateColumns(errors: FieldError[], columns: readonly PrinterColumn[], path: string): void {
  for (const [i, { name, type, format, jsonPath }] of columns.entries()) {
    const at = `${path}[${i}]`;
    if (!name) errors.push(required(`${at}.name`));
    if (!type) errors.push(required(`${at}.type`, `must be one of ${columnTypes.join(',')}`));
    else if (!columnTypes.includes(type))
      errors.push(invalid(`${at}.type`, type, `must be one of ${columnTypes.join(',')}`));
    if (format && !columnFormats.includes(format)) {
      errors.push(invalid(`${at}.format`, format, `must be one of ${columnFormats.join(',')}`));
    }
    if (!jsonPath) errors.push(required(`${at}.jsonPath`));
    else if (!jsonPath.startsWith('.') || !parseJsonPath(jsonPath)) {
      errors.push(invalid(`${at}.jsonPath`, jsonPath, 'must be a simple json path starting with .'));
    }
  }
}

function validateScale(errors: FieldError[], { subresources }: DefinitionVersion, path: string): void {
  const scale = subresources?.scale;
  if (!scale) return;
  const below = (value: string | undefined, field: string, parents: readonly string[], isRequired: boolean) => {
    const at = `${path}.${field}`;
    if (!value) {
      if (isRequired) errors.push(required(at));
      return;
    }
    const [first, second] = fieldsOfPath(value) ?? [];
    if (first === undefined) errors.push(invalid(at, value, 'should be a simple json path without array notation'));
    else if (!parents.includes(first) || second === undefined) {
      errors.push(
        invalid(at, value, `should be a json path under ${parents.map((parent) => `.${parent}`).join(' or ')}`),
      );
    }
  };
  below(scale.specReplicasPath, 'specReplicasPath', ['spec'], true);
  below(scale.statusReplicasPath, 'statusReplicasPath', ['status'], true);
  below(scale.labelSelectorPath, 'labelSelectorPath', ['spec', 'status'], false);
}

const selectableFieldsMax = 8;

function validateSelectable(
  errors: FieldError[],
  { selectableFields = [], schema }: DefinitionVersion,
  path: string,
): void {
  if (selectableFields.length > selectableFieldsMax) {
    errors.push(invalid(path, selectableFields.length, `must have at most ${selectableFieldsMax} items`));
  }
  const seen = new Set<string>();
  for (const [i, { jsonPath }] of selectableFields.entries()) {
    const at = `${path}[${i}].jsonPath`;
    if (!jsonPath) {
      errors.push(required(at));
      continue;
    }
    if (seen.has(jsonPath))
      errors.push({
        ...invalid(at, jsonPath, ''),
        type: 'FieldValueDuplicate',
        body: `Duplicate value: ${JSON.stringify(jsonPath)}`,
      });
    seen.add(jsonPath);
    const names = fieldsOfPath(jsonPath);
    const found = names?.reduce<JsonSchema | undefined>(
      (part, name) => part?.properties?.[name],
      schema?.openAPIV3Schema,
    );
    if (!names) errors.push(invalid(at, jsonPath, 'must be a simple json path without array notation'));
    else if (names[0] === 'metadata') errors.push(invalid(at, jsonPath, 'must not point to fields in metadata'));
    else if (!found) errors.push(invalid(at, jsonPath, 'does not refer to a valid field'));
    else if (!['string', 'boolean', 'integer'].includes(found.type ?? '')) {
      errors.push(
        invalid(
          at,
          jsonPath,
          'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
        ),
      );
    }
  }
}

function validateConversion(errors: FieldError[], conversion: DefinitionConversion | undefined): void {
  if (!conversion) return;
  const { strategy, webhook } = conversion;
  const path = 'spec.conversion';
  if (strategy !== 'None' && strategy !== 'Webhook')
    errors.push(notSupported(`${path}.strategy`, strategy, ['None', 'Webhook']));
  if (strategy === 'None' && webhook) {
    errors.push(forbidden(`${path}.webhook`, 'should not be set when strategy is not set to Webhook'));
  }
  if (strategy !== 'Webhook') return;
  const config = webhook?.clientConfig;
  if (!config) {
    errors.push(required(`${path}.webhook.clientConfig`, 'required when strategy is set to Webhook'));
  } else if ((config.url === undefined) === (config.service === undefined)) {
    errors.push(required(`${path}.webhook.clientConfig`, 'exactly one of url or service is required'));
  } else if (config.url !== undefined && !(URL.canParse(config.url) && config.url.startsWith('https://'))) {
    errors.push(
      invalid(
        `${path}.webhook.clientConfig.url`,
        config.url,
        "'https' is the only allowed URL scheme; desired format: https://host[/path]",
      ),
    );
  }
  const versions = webhook?.conversionReviewVersions ?? [];
  if (versions.length === 0) errors.push(required(`${path}.webhook.conversionReviewVersions`));
  else if (!versions.includes('v1') && !versions.includes('v1beta1')) {
    errors.push(
      invalid(`${path}.webhook.conversionReviewVersions`, versions, 'must include at least one of v1, v1beta1'),
    );
  }
}

export function isProtectedGroup(group: string): boolean {
  return /(^|\.)(k8s|kubernetes)\.io$/.test(group);
}

/** Groups of the project need its approval, or the word that there is none. */
export function approvalOf({
  spec,
  metadata,
}: CustomResourceDefinition):
  | { readonly state: 'approved' | 'bypassed' | 'missing' | 'invalid'; readonly reason: string }
  | undefined {
  if (!isProtectedGroup(spec.group ?? '')) return undefined;
  const text = metadata.annotations?.[approvalAnnotation] ?? '';
  if (text === '') {
    return {
      state: 'missing',
      reason: `protected groups must have approval annotation ${JSON.stringify(approvalAnnotation)}, see https://github.com/kubernetes/enhancements/pull/1111`,
    };
  }
  if (text.startsWith('unapproved')) return { state: 'bypassed', reason: `not approved: ${JSON.stringify(text)}` };
  if (URL.canParse(text)) return { state: 'approved', reason: `approved in ${text}` };
  return {
    state: 'invalid',
    reason: `protected groups must have approval annotation ${JSON.stringify(approvalAnnotation)} with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`,
  };
}

function validateApproval(errors: FieldError[], draft: CustomResourceDefinition): void {
  const approval = approvalOf(draft);
  if (!approval) return;
  const path = 'metadata.annotations[api-approved.kubernetes.io]';
  if (approval.state === 'missing') errors.push(required(path, approval.reason));
  if (approval.state === 'invalid') {
    errors.push(invalid(path, draft.metadata.annotations?.[approvalAnnotation], approval.reason));
  }
}

/** Undefined when the patterns of all versions together are little enough work to compile in one go. */
function validatePatternTotal(versions: DefinitionSpec['versions']): FieldError | undefined {
  const total = patternTotal(versions.map(({ schema }) => schema?.openAPIV3Schema ?? {}));
  if (total <= patternTotalMax) return undefined;
  const detail = `the regular expressions of all schemas must not be larger than ${patternTotalMax} instructions together, these are ${total}`;
  return forbidden('spec.versions', detail);
}

/** When all versions have the same schema, upstream's messages name it as one. */
function validateSchemas({ versions }: DefinitionSpec, old: DefinitionSpec | undefined): FieldError[] {
  const patterns = validatePatternTotal(versions);
  // Too much to look at more closely.
  if (patterns) return [patterns];
  const errors: FieldError[] = [];
  const [first] = versions;
  const isShared =
    first?.schema?.openAPIV3Schema !== undefined && versions.every(({ schema }) => sameJson(schema, first.schema));
  if (isShared && first.schema?.openAPIV3Schema) {
    return validateSchema(first.schema.openAPIV3Schema, 'spec.validation.openAPIV3Schema');
  }
  for (const [i, { name, schema }] of versions.entries()) {
    const path = `spec.versions[${i}].schema.openAPIV3Schema`;
    const before = old?.versions.find((version) => version.name === name);
    if (!schema?.openAPIV3Schema) errors.push(required(path, 'schemas are required'));
    else if (!before || !sameJson(before.schema, schema)) errors.push(...validateSchema(schema.openAPIV3Schema, path));
  }
  return errors;
}

/** Names and scope are fixed once objects can exist. */
export function validateDefinitionUpdate(draft: CustomResourceDefinition, old: CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  const fixed = (path: string, value: unknown, before: unknown) => {
    if (value !== before) errors.push(invalid(path, value, 'field is immutable'));
  };
  fixed('spec.group', draft.spec.group, old.spec.group);
  fixed('spec.names.plural', draft.spec.names.plural, old.spec.names.plural);
  if (isConditionTrue(old, 'Established')) {
    fixed('spec.scope', draft.spec.scope, old.spec.scope);
    fixed('spec.names.kind', draft.spec.names.kind, old.spec.names.kind);
  }
  return errors;
}

export function validateStoredVersions({ spec, status }: CustomResourceDefinition): FieldError[] {
  const stored = status?.storedVersions ?? [];
  const errors: FieldError[] = [];
  const storage = spec.versions.find((version) => version.storage)?.name;
  if (storage !== undefined && !stored.includes(storage)) {
    errors.push(invalid('status.storedVersions', stored, `must have the storage version ${storage}`));
  }
  for (const [i, name] of stored.entries()) {
    if (spec.versions.some((version) => version.name === name)) continue;
    const text = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    errors.push(invalid(`status.storedVersions[${i}]`, name, text));
  }
  return errors;
}
