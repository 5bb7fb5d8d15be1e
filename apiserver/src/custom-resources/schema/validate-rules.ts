/** The rules of a schema: whether they compile, whether `oldSelf` means something where they stand, and what they can cost at most. */
import {
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '@slipway/api/validation/field-error';
import { elementsMax, typeOfSchema } from '@slipway/cel/schema-type';
import { CelCompileError } from '@slipway/cel/syntax';
import { isObjectSchema, type JsonSchema, type ValidationRule } from './json-schema.ts';
import { compileRule } from './rules.ts';

/** Upstream's StaticEstimatedCostLimit and StaticEstimatedCRDCostLimit. */
const ruleCostLimit = 10_000_000;
const schemaCostLimit = 100_000_000;
/** Compiling a rule takes some forty microseconds, and everybody else waits for it. Upstream bounds nothing but the size of the definition. */
const rulesMax = 2_500;
const ruleCharactersMax = 256 * 1024;
const advice =
  ' (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';

interface Place {
  readonly path: string;
  /** How many values of the schema an object can have. */
  readonly count: number;
  /** The innermost list or map around it whose items have no past; then `oldSelf` has no meaning. */
  readonly uncorrelatable: string | undefined;
  readonly isRoot: boolean;
}

interface Costly {
  readonly path: string;
  readonly cost: number;
}

export function validateSchemaRules(schema: JsonSchema, path: string): FieldError[] {
  const texts = ruleTexts(schema);
  if (texts.length > rulesMax) return [tooMany(`${path}.x-kubernetes-validations`, texts.length, rulesMax)];
  const characters = texts.reduce((sum, { length }) => sum + length, 0);
  if (characters > ruleCharactersMax) return [tooLong(`${path}.x-kubernetes-validations`, ruleCharactersMax)];
  const errors: FieldError[] = [];
  const costs: Costly[] = [];
  visit(schema, { path, count: 1, uncorrelatable: undefined, isRoot: true }, errors, costs);
  const total = costs.reduce((sum, { cost }) => sum + cost, 0);
  if (total <= schemaCostLimit) return errors;
  for (const { path: at, cost } of costs) {
    if (cost < schemaCostLimit / 100) continue;
    errors.push(
      forbidden(at, 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema'),
    );
  }
  errors.push(
    forbidden(
      path,
      `${overText('x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema', total, schemaCostLimit)}${advice}`,
    ),
  );
  return errors;
}

function ruleTexts(schema: JsonSchema): string[] {
  const { properties = {}, additionalProperties, items } = schema;
  const parts = [
    ...Object.values(properties),
    ...(isObjectSchema(additionalProperties) ? [additionalProperties] : []),
    ...(items ? [items] : []),
  ];
  const own = (schema['x-kubernetes-validations'] ?? []).map(({ rule, messageExpression = '' }) => {
    return `${rule}${messageExpression}`;
  });
  return [...own, ...parts.flatMap(ruleTexts)];
}

function visit(schema: JsonSchema, place: Place, errors: FieldError[], costs: Costly[]): void {
  const { path, count, uncorrelatable } = place;
  for (const [i, rule] of (schema['x-kubernetes-validations'] ?? []).entries()) {
    validateRule(schema, rule, { ...place, path: `${path}.x-kubernetes-validations[${i}]` }, errors, costs);
  }
  const inside = { count, uncorrelatable, isRoot: false };
  for (const [name, own] of Object.entries(schema.properties ?? {})) {
    visit(own, { ...inside, path: `${path}.properties[${name}]` }, errors, costs);
  }
  const { additionalProperties, items } = schema;
  const many = () => count * elementsMax(schema);
  if (isObjectSchema(additionalProperties)) {
    visit(additionalProperties, { ...inside, path: `${path}.additionalProperties`, count: many() }, errors, costs);
  }
  if (items) {
    const isKeyed = schema['x-kubernetes-list-type'] === 'map';
    const place = {
      isRoot: false,
      path: `${path}.items`,
      count: many(),
      uncorrelatable: isKeyed ? uncorrelatable : `${path}.items`,
    };
    visit(items, place, errors, costs);
  }
}

const reasons = ['FieldValueInvalid', 'FieldValueForbidden', 'FieldValueRequired', 'FieldValueDuplicate'];

function validateRule(
  schema: JsonSchema,
  rule: ValidationRule,
  place: Place,
  errors: FieldError[],
  costs: Costly[],
): void {
  const { path } = place;
  if ((rule.rule ?? '').trim() === '') {
    errors.push(required(`${path}.rule`, 'rule is not specified'));
    return;
  }
  validateTexts(rule, path, errors);
  if (rule.fieldPath !== undefined) validateFieldPath(schema, rule.fieldPath, `${path}.fieldPath`, errors);
  try {
    const { program, message, usesOldSelf } = compileRule(
      rule,
      typeOfSchema(schema, place.isRoot || schema['x-kubernetes-embedded-resource'] === true),
    );
    if (usesOldSelf && place.uncorrelatable !== undefined && !rule.optionalOldSelf) {
      const text = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.uncorrelatable}`;
      errors.push(invalid(`${path}.rule`, rule.rule, text));
    }
    if (rule.optionalOldSelf !== undefined && !usesOldSelf) {
      errors.push(
        invalid(`${path}.optionalOldSelf`, rule.optionalOldSelf, 'may not be set if oldSelf is not used in rule'),
      );
    }
    checkCost(program.estimatedCost, 'estimated rule cost', `${path}.rule`, place, errors, costs);
    if (message)
      checkCost(
        message.estimatedCost,
        'estimated messageExpression cost',
        `${path}.messageExpression`,
        place,
        errors,
        costs,
      );
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    errors.push(invalid(`${path}.rule`, rule, `compilation failed: ${error.message}`));
  }
}

function validateTexts(
  { message, messageExpression, reason, rule }: ValidationRule,
  path: string,
  errors: FieldError[],
): void {
  if (message !== undefined && message !== '' && message.trim() === '') {
    errors.push(invalid(`${path}.message`, message, 'message must be non-empty if specified'));
  } else if (message?.trim().includes('\n')) {
    errors.push(invalid(`${path}.message`, message, 'message must not contain line breaks'));
  } else if (!message && !messageExpression && rule.trim().includes('\n')) {
    errors.push(required(`${path}.message`, 'message must be specified if rule contains line breaks'));
  }
  if (messageExpression !== undefined && messageExpression !== '' && messageExpression.trim() === '') {
    errors.push(required(`${path}.messageExpression`, 'messageExpression must be non-empty if specified'));
  }
  if (reason !== undefined && !reasons.includes(reason)) errors.push(notSupported(`${path}.reason`, reason, reasons));
}

const pathStep = /\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\]/y;

function validateFieldPath(schema: JsonSchema, fieldPath: string, path: string, errors: FieldError[]): void {
  let part: JsonSchema | undefined = schema;
  for (pathStep.lastIndex = 0; pathStep.lastIndex < fieldPath.length; ) {
    const match = pathStep.exec(fieldPath);
    if (!match) {
      errors.push(invalid(path, fieldPath, `fieldPath must be a valid path: expected [ or . but got: ${fieldPath}`));
      return;
    }
    const name: string = match[1] ?? match[2] ?? '';
    const values: JsonSchema | boolean | undefined = part?.additionalProperties;
    part = part?.properties ? part.properties[name] : isObjectSchema(values) ? values : undefined;
    if (part) continue;
    errors.push(invalid(path, fieldPath, 'fieldPath must be a valid path: does not refer to a valid field'));
    return;
  }
  if (fieldPath.trim() === '') errors.push(invalid(path, fieldPath, 'fieldPath must be non-empty if specified'));
}

function checkCost(
  once: number,
  what: string,
  path: string,
  { count }: Place,
  errors: FieldError[],
  costs: Costly[],
): void {
  const cost = once === 0 ? 0 : once * count;
  costs.push({ path, cost: Math.min(cost, Number.MAX_SAFE_INTEGER) });
  if (cost > ruleCostLimit) errors.push(forbidden(path, `${overText(what, cost, ruleCostLimit)}${advice}`));
}

function overText(what: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const shown = factor > 100 ? 'more than 100x' : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  return `${what} exceeds budget by factor of ${shown}`;
}
