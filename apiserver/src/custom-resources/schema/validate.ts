/**
 * Values against a JSON schema, in upstream's words. A schema is compiled once into closures. On an update, parts that are as they were before
 * are not looked at again: what was stored stays acceptable when the schema has become stricter.
 */
import { isJsonObject, ownValue, sameJson, type JsonObject, type JsonValue } from '@slipway/api/patch/json-value';
import {
  type FieldError,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
  typeInvalid,
} from '@slipway/api/validation/field-error';
import { matchesAnywhere } from '@slipway/cel/regex';
import { CelError } from '@slipway/cel/values';
import { formatChecks, integerRanges } from './formats.ts';
import { isObjectSchema, type JsonSchema } from './json-schema.ts';

/** `old` is the value that stood in the same place before; undefined when there was none. */
export type ValueCheck = (value: JsonValue, old: JsonValue | undefined, path: string, errors: FieldError[]) => void;

export function compileValidation(schema: JsonSchema): ValueCheck {
  const checks = [...scalarChecks(schema), ...containerChecks(schema), ...combinedChecks(schema)];
  const isOfType = typeCheck(schema);
  const nullable = schema.nullable === true;
  return (value, old, path, errors) => {
    if (old !== undefined && sameJson(value, old)) return;
    if (value === null && nullable) return;
    const problem = isOfType(value, path);
    if (problem) {
      errors.push(problem);
      return;
    }
    for (const check of checks) check(value, old, path, errors);
  };
}

const shown = (path: string) => path.replace(/^\./, '');

function typeCheck(schema: JsonSchema): (value: JsonValue, path: string) => FieldError | undefined {
  const { type = '' } = schema;
  if (schema['x-kubernetes-int-or-string']) {
    return (value, path) =>
      typeof value === 'string' || Number.isInteger(value) ? undefined : wrongType(path, 'integer,string', value);
  }
  if (type === '') return () => undefined;
  return (value, path) => (isType(type, value) ? undefined : wrongType(path, type, value));
}

function wrongType(path: string, type: string, value: JsonValue): FieldError {
  const found = typeNameOf(value);
  return typeInvalid(path, found, `${shown(path)} in body must be of type ${type}: "${found}"`);
}

function isType(type: string, value: JsonValue): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isJsonObject(value);
    default:
      return typeof value === type;
  }
}

function typeNameOf(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function scalarChecks(schema: JsonSchema): ValueCheck[] {
  const checks: ValueCheck[] = [];
  const { enum: values, pattern, format, maxLength, minLength } = schema;
  if (values) {
    const allowed = values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
    checks.push((value, _, path, errors) => {
      if (!values.some((one) => sameJson(one, value))) errors.push(notSupported(path, value, allowed));
    });
  }
  if (maxLength !== undefined) {
    checks.push((value, _, path, errors) => {
      if (typeof value === 'string' && value.length > maxLength && [...value].length > maxLength) {
        errors.push(tooLong(path, maxLength));
      }
    });
  }
  if (minLength !== undefined) {
    checks.push((value, _, path, errors) => {
      if (typeof value === 'string' && [...value].length < minLength) {
        errors.push(invalid(path, value, `${shown(path)} in body should be at least ${minLength} chars long`));
      }
    });
  }
  if (pattern !== undefined) {
    checks.push((value, _, path, errors) => {
      const problem = typeof value === 'string' ? matchProblem(pattern, value) : undefined;
      if (problem !== undefined) errors.push(invalid(path, value, `${shown(path)} in body ${problem}`));
    });
  }
  const isFormatted = formatChecks[format ?? ''];
  if (isFormatted) {
    checks.push((value, _, path, errors) => {
      if (typeof value === 'string' && !isFormatted(value)) {
        errors.push(invalid(path, value, `${shown(path)} in body must be of type ${format}: ${JSON.stringify(value)}`));
      }
    });
  }
  return [...checks, ...numberChecks(schema)];
}

function numberChecks(schema: JsonSchema): ValueCheck[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const rules: ((value: number) => string | undefined)[] = [];
  if (minimum !== undefined) {
    const text = exclusiveMinimum
      ? `should be greater than ${minimum}`
      : `should be greater than or equal to ${minimum}`;
    rules.push((value) => (value < minimum || (exclusiveMinimum && value === minimum) ? text : undefined));
  }
  if (maximum !== undefined) {
    const text = exclusiveMaximum ? `should be less than ${maximum}` : `should be less than or equal to ${maximum}`;
    rules.push((value) => (value > maximum || (exclusiveMaximum && value === maximum) ? text : undefined));
  }
  if (multipleOf !== undefined && multipleOf > 0) {
    const isMultiple = (value: number) => Math.abs(value / multipleOf - Math.round(value / multipleOf)) < 1e-9;
    rules.push((value) => (isMultiple(value) ? undefined : `should be a multiple of ${multipleOf}`));
  }
  return [
    ...rangeChecks(schema),
    ...rules.map(
      (rule): ValueCheck =>
        (value, _, path, errors) => {
          const problem = typeof value === 'number' ? rule(value) : undefined;
          if (problem !== undefined) errors.push(invalid(path, value, `${shown(path)} in body ${problem}`));
        },
    ),
  ];
}

/** What the format of a number says of its size. */
function rangeChecks({ type, format = '' }: JsonSchema): ValueCheck[] {
  const isFloat = type === 'number' && (format === 'float' || format === 'float32');
  const range = type === 'integer' ? (integerRanges[format] ?? integerRanges.int64) : undefined;
  if (!range && !isFloat) return [];
  const [least, most] = range ?? [-floatMax, floatMax];
  const named = format === '' ? '(default format)' : `with format ${format}`;
  return [
    (value, _, path, errors) => {
      if (typeof value !== 'number' || (value >= least && value <= most)) return;
      errors.push(invalid(path, value, `Checked value must be of type ${type} ${named} in ${shown(path)}`));
    },
  ];
}

/** The largest number of 32 bits. */
const floatMax = 3.4028234663852886e38;

function containerChecks(schema: JsonSchema): ValueCheck[] {
  return [...listChecks(schema), ...objectChecks(schema)];
}

function listChecks(schema: JsonSchema): ValueCheck[] {
  const { items, minItems, maxItems, uniqueItems } = schema;
  const checks: ValueCheck[] = [];
  const onList = (
    check: (list: readonly JsonValue[], old: JsonValue | undefined, path: string, errors: FieldError[]) => void,
  ) =>
    checks.push((value, old, path, errors) => {
      if (Array.isArray(value)) check(value, old, path, errors);
    });
  if (minItems !== undefined) {
    onList((list, _, path, errors) => {
      if (list.length < minItems) {
        errors.push(invalid(path, list.length, `${shown(path)} in body should have at least ${minItems} items`));
      }
    });
  }
  if (maxItems !== undefined) {
    onList((list, _, path, errors) => {
      if (list.length > maxItems) errors.push(tooMany(path, list.length, maxItems));
    });
  }
  if (uniqueItems) {
    onList((list, _, path, errors) => {
      if (new Set(list.map(canonical)).size < list.length) {
        errors.push(invalid(path, list, `${shown(path)} in body shouldn't contain duplicates`));
      }
    });
  }
  if (items) {
    const check = compileValidation(items);
    const correlate = itemCorrelation(schema);
    onList((list, old, path, errors) => {
      const before = correlate(old);
      for (let at = 0; at < list.length; at++) {
        const item = list[at] as JsonValue;
        check(item, before(item), `${path}[${at}]`, errors);
      }
    });
  }
  return checks;
}

/** Equal for equal values, whatever the order of keys. */
export function canonical(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const entries = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key] as JsonValue)}`);
  return `{${entries.join()}}`;
}

/** The item that an item was before: by the keys of a keyed list; items of other lists have no past. */
export function itemCorrelation(
  schema: JsonSchema,
): (old: JsonValue | undefined) => (item: JsonValue) => JsonValue | undefined {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (schema['x-kubernetes-list-type'] !== 'map' || keys.length === 0) return () => () => undefined;
  return (old) => {
    if (!Array.isArray(old)) return () => undefined;
    const byKey = new Map(old.map((item) => [itemKey(item, keys), item]));
    return (item) => byKey.get(itemKey(item, keys));
  };
}

export function itemKey(item: JsonValue, keys: readonly string[]): string {
  return isJsonObject(item) ? JSON.stringify(keys.map((key) => ownValue(item, key) ?? null)) : canonical(item);
}

function objectChecks(schema: JsonSchema): ValueCheck[] {
  const { properties, additionalProperties, required: names = [], minProperties, maxProperties } = schema;
  const checks: ValueCheck[] = [];
  const onObject = (
    check: (object: JsonObject, old: JsonObject | undefined, path: string, errors: FieldError[]) => void,
  ) =>
    checks.push((value, old, path, errors) => {
      if (isJsonObject(value)) check(value, isJsonObject(old) ? old : undefined, path, errors);
    });
  if (names.length > 0) {
    onObject((object, _, path, errors) => {
      for (const name of names) if (!Object.hasOwn(object, name)) errors.push(required(childPath(path, name)));
    });
  }
  if (minProperties !== undefined) {
    onObject((object, _, path, errors) => {
      const count = Object.keys(object).length;
      if (count < minProperties) {
        errors.push(invalid(path, count, `${shown(path)} in body should have at least ${minProperties} properties`));
      }
    });
  }
  if (maxProperties !== undefined) {
    onObject((object, _, path, errors) => {
      const count = Object.keys(object).length;
      if (count > maxProperties) errors.push(tooMany(path, count, maxProperties));
    });
  }
  const known = propertyChecks(properties);
  if (known) onObject(known);
  const others = isObjectSchema(additionalProperties) ? compileValidation(additionalProperties) : undefined;
  if (others) {
    onObject((object, old, path, errors) => {
      for (const name of Object.keys(object)) {
        if (properties && Object.hasOwn(properties, name)) continue;
        others(object[name] as JsonValue, old && ownValue(old, name), childPath(path, name), errors);
      }
    });
  }
  return checks;
}

/** An object has few of the properties that its schema knows: it is walked by its own. What is wrong is told in the order of the schema. */
function propertyChecks(properties: JsonSchema['properties'] = {}) {
  const known = new Map(
    Object.entries(properties).map(([name, own], order) => [name, { order, check: compileValidation(own) }]),
  );
  if (known.size === 0) return undefined;
  return (object: JsonObject, old: JsonObject | undefined, path: string, errors: FieldError[]): void => {
    let wrong: { readonly order: number; readonly found: readonly FieldError[] }[] | undefined;
    for (const name of Object.keys(object)) {
      const property = known.get(name);
      if (!property) continue;
      const before = errors.length;
      property.check(object[name] as JsonValue, old && ownValue(old, name), childPath(path, name), errors);
      if (errors.length === before) continue;
      wrong ??= [];
      wrong.push({ order: property.order, found: errors.splice(before) });
    }
    if (!wrong) return;
    wrong.sort((one, other) => one.order - other.order);
    for (const { found } of wrong) errors.push(...found);
  };
}

export function childPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** Each alternative is tried once: trying again at each level of nested ones would double the work at each. */
function combinedChecks({ allOf = [], anyOf = [], oneOf = [], not }: JsonSchema): ValueCheck[] {
  const checks: ValueCheck[] = [];
  const refuse = (path: string, value: JsonValue, text: string) =>
    invalid(path, value, `${shown(path)} in body ${text}`);
  for (const check of allOf.map(compileValidation)) {
    checks.push((value, _, path, errors) => errors.push(...problemsOf(check, value, path)));
  }
  if (anyOf.length > 0) {
    const alternatives = anyOf.map(compileValidation);
    checks.push((value, _, path, errors) => {
      const found = alternatives.map((check) => problemsOf(check, value, path));
      if (found.some((problems) => problems.length === 0)) return;
      errors.push(refuse(path, value, 'must validate at least one schema (anyOf)'), ...fewest(found));
    });
  }
  if (oneOf.length > 0) {
    const alternatives = oneOf.map(compileValidation);
    checks.push((value, _, path, errors) => {
      const found = alternatives.map((check) => problemsOf(check, value, path));
      const count = found.filter((problems) => problems.length === 0).length;
      if (count === 1) return;
      const text = count === 0 ? 'Found none valid' : `Found ${count} valid alternatives`;
      errors.push(refuse(path, value, `must validate one and only one schema (oneOf). ${text}`));
      if (count === 0) errors.push(...fewest(found));
    });
  }
  if (not) {
    const check = compileValidation(not);
    checks.push((value, _, path, errors) => {
      if (problemsOf(check, value, path).length === 0)
        errors.push(refuse(path, value, 'must not validate the schema (not)'));
    });
  }
  return checks;
}

function problemsOf(check: ValueCheck, value: JsonValue, path: string): FieldError[] {
  const errors: FieldError[] = [];
  check(value, undefined, path, errors);
  return errors;
}

/** What kept the nearest alternative from fitting tells more than that none did. */
function fewest(found: readonly FieldError[][]): readonly FieldError[] {
  return found.reduce((best, problems) => (problems.length < best.length ? problems : best), found[0] ?? []);
}

function matchProblem(pattern: string, text: string): string | undefined {
  try {
    return matchesAnywhere(pattern, text) ? undefined : `should match '${pattern}'`;
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    return `cannot be compared with '${pattern}': ${error.message}`;
  }
}
