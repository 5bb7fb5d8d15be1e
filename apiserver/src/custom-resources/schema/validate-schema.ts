/** Whether a definition's schema is structural, and whether its rules compile and are cheap enough. In upstream's words. */
import { copyJson, type JsonValue } from '@slipway/api/patch/json-value';
import { type FieldError, forbidden, invalid, notSupported, required } from '@slipway/api/validation/field-error';
import { decodeObject } from '@slipway/api/schema/decode';
import { patternProblem } from '@slipway/cel/regex';
import { compileDefaults } from './defaults.ts';
import { isObjectSchema, type JsonSchema } from './json-schema.ts';
import { structuralSchema } from './to-structural.ts';
import { compileValidation } from './validate.ts';
import { validateSchemaRules } from './validate-rules.ts';

export function validateSchema(schema: JsonSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!schema.type) errors.push(required(`${path}.type`, 'must not be empty at the root'));
  else if (schema.type !== 'object') errors.push(invalid(`${path}.type`, schema.type, 'must be object at the root'));
  if (schema.nullable) errors.push(forbidden(`${path}.nullable`, 'nullable cannot be true at the root'));
  if (schema.default !== undefined) errors.push(forbidden(`${path}.default`, 'must not be set at the root'));
  validatePart(errors, schema, path, { isRoot: true, isItem: false });
  validateMetadata(errors, schema, path);
  // Rules need a schema that one can go by.
  if (errors.length === 0) errors.push(...validateSchemaRules(schema, path));
  return errors;
}

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

interface Place {
  readonly isRoot: boolean;
  readonly isItem: boolean;
}

function validatePart(errors: FieldError[], schema: JsonSchema, path: string, { isRoot, isItem }: Place): void {
  const { type, items, properties, additionalProperties } = schema;
  if (!type && !isRoot) validateMissingType(errors, schema, path, isItem);
  if (type && !types.includes(type)) errors.push(notSupported(`${path}.type`, type, types));
  validateForbidden(errors, schema, path);
  validateExtensions(errors, schema, path);
  if (type === 'array' && !items) errors.push(required(`${path}.items`, 'must be specified'));
  if (properties && additionalProperties !== undefined && additionalProperties !== false) {
    errors.push(forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'));
  }
  if (additionalProperties === false) errors.push(forbidden(`${path}.additionalProperties`, 'must not be false'));
  if (schema.pattern !== undefined) validatePattern(errors, schema.pattern, `${path}.pattern`);
  if (schema.default !== undefined) validateDefault(errors, schema, `${path}.default`);
  for (const [name, own] of Object.entries(properties ?? {})) {
    validatePart(errors, own, `${path}.properties[${name}]`, { isRoot: isRoot && name === 'metadata', isItem: false });
  }
  if (items) validatePart(errors, items, `${path}.items`, { isRoot: false, isItem: true });
  if (isObjectSchema(additionalProperties)) {
    validatePart(errors, additionalProperties, `${path}.additionalProperties`, { isRoot: false, isItem: false });
  }
  validateJunctors(errors, schema, schema, path);
}

function validateMissingType(errors: FieldError[], schema: JsonSchema, path: string, isItem: boolean): void {
  if (schema['x-kubernetes-int-or-string'] || schema['x-kubernetes-preserve-unknown-fields']) return;
  const what = isItem ? 'specified array items' : 'specified object fields';
  errors.push(required(`${path}.type`, `must not be empty for ${what}`));
}

const unsupported = ['$ref', 'definitions', 'dependencies', 'id', 'patternProperties', 'additionalItems'] as const;

function validateForbidden(errors: FieldError[], schema: JsonSchema, path: string): void {
  const fields = schema as unknown as Readonly<Record<string, unknown>>;
  for (const field of unsupported) {
    if (fields[field] !== undefined) errors.push(forbidden(`${path}.${field}`, `${field} is not supported`));
  }
  if (schema.uniqueItems) {
    errors.push(
      forbidden(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  }
}

function validatePattern(errors: FieldError[], pattern: string, path: string): void {
  const problem = patternProblem(pattern);
  if (problem !== undefined)
    errors.push(invalid(path, pattern, `must be a valid regular expression, but isn't: ${problem}`));
}

function validateExtensions(errors: FieldError[], schema: JsonSchema, path: string): void {
  const { type, properties, additionalProperties } = schema;
  if (schema['x-kubernetes-int-or-string'] && type) {
    errors.push(forbidden(`${path}.type`, 'must be empty if x-kubernetes-int-or-string is true'));
  }
  if (schema['x-kubernetes-embedded-resource']) {
    if (type !== 'object')
      errors.push(invalid(`${path}.type`, type ?? '', 'must be object if x-kubernetes-embedded-resource is true'));
    if (!schema['x-kubernetes-preserve-unknown-fields'] && !properties) {
      errors.push(
        required(
          `${path}.properties`,
          'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
        ),
      );
    }
    if (additionalProperties !== undefined) {
      errors.push(
        forbidden(`${path}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set'),
      );
    }
  }
  if (schema['x-kubernetes-preserve-unknown-fields'] && type && type !== 'object') {
    errors.push(
      invalid(`${path}.type`, type, 'must be object or empty if x-kubernetes-preserve-unknown-fields is true'),
    );
  }
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined) {
    if (type !== 'object')
      errors.push(invalid(`${path}.type`, type ?? '', 'must be object if x-kubernetes-map-type is specified'));
    if (mapType !== 'atomic' && mapType !== 'granular') {
      errors.push(notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
    }
  }
  validateListType(errors, schema, path);
}

function validateListType(errors: FieldError[], schema: JsonSchema, path: string): void {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'];
  const at = `${path}.x-kubernetes-list-map-keys`;
  if (listType === undefined) {
    if (keys)
      errors.push(required(`${path}.x-kubernetes-list-type`, 'must be map if x-kubernetes-list-map-keys is non-empty'));
    return;
  }
  if (schema.type !== 'array') {
    errors.push(invalid(`${path}.type`, schema.type ?? '', 'must be array if x-kubernetes-list-type is specified'));
  }
  if (!['atomic', 'set', 'map'].includes(listType)) {
    errors.push(notSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']));
  }
  const { items } = schema;
  if (listType === 'set' && items) validateSetItems(errors, items, `${path}.items`);
  if (listType !== 'map') {
    if (keys)
      errors.push(
        invalid(`${path}.x-kubernetes-list-type`, listType, 'must be map if x-kubernetes-list-map-keys is non-empty'),
      );
    return;
  }
  if (!keys || keys.length === 0) errors.push(required(at, 'must not be empty if x-kubernetes-list-type is map'));
  if (items?.type !== 'object')
    errors.push(
      invalid(
        `${path}.items.type`,
        items?.type ?? '',
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    );
  for (const [i, key] of (keys ?? []).entries()) validateMapKey(errors, items ?? {}, key, { at: `${at}[${i}]`, path });
}

function validateSetItems(errors: FieldError[], items: JsonSchema, path: string): void {
  if (items.nullable)
    errors.push(forbidden(`${path}.nullable`, 'cannot be nullable when x-kubernetes-list-type is set'));
  if (
    items.type === 'array' &&
    items['x-kubernetes-list-type'] !== undefined &&
    items['x-kubernetes-list-type'] !== 'atomic'
  ) {
    errors.push(
      invalid(
        `${path}.x-kubernetes-list-type`,
        items['x-kubernetes-list-type'],
        'must be atomic as item of a list with x-kubernetes-list-type=set',
      ),
    );
  }
  if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
    errors.push(
      invalid(
        `${path}.x-kubernetes-map-type`,
        items['x-kubernetes-map-type'] ?? 'granular',
        'must be atomic as item of a list with x-kubernetes-list-type=set',
      ),
    );
  }
}

const scalarTypes = ['boolean', 'integer', 'number', 'string'];

function validateMapKey(
  errors: FieldError[],
  items: JsonSchema,
  key: string,
  { at, path }: { at: string; path: string },
): void {
  const own = items.properties?.[key];
  const ownPath = `${path}.items.properties[${key}]`;
  if (!own) {
    errors.push(invalid(at, key, 'entries must all be names of item properties'));
    return;
  }
  if (!scalarTypes.includes(own.type ?? '')) {
    errors.push(
      invalid(
        `${ownPath}.type`,
        own.type ?? '',
        "must be a scalar type if parent array's x-kubernetes-list-type is map",
      ),
    );
  }
  if (own.nullable)
    errors.push(
      forbidden(`${ownPath}.nullable`, 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable'),
    );
  if (own.default === undefined && !items.required?.includes(key)) {
    errors.push(
      required(
        `${ownPath}.default`,
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
      ),
    );
  }
}

/** A default has to be a value that the schema would take, fields that it would prune excluded. */
function validateDefault(errors: FieldError[], schema: JsonSchema, path: string): void {
  const value = schema.default as JsonValue;
  const filled = copyJson(value);
  compileDefaults(schema)?.(filled);
  const found: FieldError[] = [];
  compileValidation(schema)(filled, undefined, path, found);
  errors.push(...found);
  if (found.length > 0 || typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const wrapped = structuralSchema({ type: 'object', properties: { value: schema } });
  const { object } = decodeObject(wrapped, { value }, { fieldValidation: 'Ignore', typing: 'unstructured' });
  if (object.value !== value) errors.push(invalid(path, value, 'must not have unknown fields'));
}

const inStructureOnly = ['type', 'description', 'default', 'additionalProperties', 'nullable', 'title'] as const;

/** Below allOf, anyOf, oneOf and not stand value checks only: what a value is made of is said in one place. */
function validateJunctors(errors: FieldError[], schema: JsonSchema, structure: JsonSchema, path: string): void {
  const { allOf = [], anyOf = [], oneOf = [], not } = schema;
  for (const [name, alternatives] of [
    ['allOf', allOf],
    ['anyOf', anyOf],
    ['oneOf', oneOf],
  ] as const) {
    for (const [i, own] of alternatives.entries())
      validateValueChecks(errors, own, structure, `${path}.${name}[${i}]`, path);
  }
  if (not) validateValueChecks(errors, not, structure, `${path}.not`, path);
}

function validateValueChecks(
  errors: FieldError[],
  schema: JsonSchema,
  structure: JsonSchema,
  path: string,
  base: string,
): void {
  const mayHaveType = structure['x-kubernetes-int-or-string'] === true;
  for (const field of inStructureOnly) {
    if (schema[field] === undefined || (field === 'type' && mayHaveType)) continue;
    errors.push(forbidden(`${path}.${field}`, 'must be empty to be structural'));
  }
  for (const extension of Object.keys(schema).filter((name) => name.startsWith('x-kubernetes-'))) {
    errors.push(forbidden(`${path}.${extension}`, 'must be undefined to be structural'));
  }
  if (schema.pattern !== undefined) validatePattern(errors, schema.pattern, `${path}.pattern`);
  for (const [name, own] of Object.entries(schema.properties ?? {})) {
    const inside = structure.properties?.[name];
    if (!inside && !isObjectSchema(structure.additionalProperties)) {
      errors.push(required(`${base}.properties[${name}]`, `because it is defined in ${path}.properties[${name}]`));
    }
    const part = inside ?? (isObjectSchema(structure.additionalProperties) ? structure.additionalProperties : {});
    validateValueChecks(errors, own, part, `${path}.properties[${name}]`, `${base}.properties[${name}]`);
  }
  if (schema.items) {
    if (!structure.items) errors.push(required(`${base}.items`, `because it is defined in ${path}.items`));
    validateValueChecks(errors, schema.items, structure.items ?? {}, `${path}.items`, `${base}.items`);
  }
  validateJunctors(errors, schema, structure, path);
}

const metadataText = 'must not specify anything other than name and generateName, but metadata is implicitly specified';

function validateMetadata(errors: FieldError[], { properties = {} }: JsonSchema, path: string): void {
  const { metadata } = properties;
  if (!metadata) return;
  const { type, properties: own = {}, description: _, ...rest } = metadata;
  const isMore =
    Object.keys(rest).length > 0 || Object.keys(own).some((name) => name !== 'name' && name !== 'generateName');
  if (isMore || (type !== undefined && type !== 'object'))
    errors.push(forbidden(`${path}.properties[metadata]`, metadataText));
}
