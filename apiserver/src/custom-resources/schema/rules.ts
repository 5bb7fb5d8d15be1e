/**
 * `x-kubernetes-validations`: compiled once per version of a definition, run on every write. A rule that costs too much is stopped, and
 * so is the checking of an object whose rules cost too much together.
 */
import { isJsonObject, type JsonValue, ownValue, sameJson } from '@slipway/api/patch/json-value';
import {
  duplicate,
  type FieldError,
  fieldErrorText,
  forbidden,
  invalid,
  required,
} from '@slipway/api/validation/field-error';
import { bool, type CelType, optionalOf, string } from '@slipway/cel/cel-type';
import { compileExpression, type Program } from '@slipway/cel/compile';
import { CostMeter, perCallLimit } from '@slipway/cel/cost-meter';
import { typeOfSchema } from '@slipway/cel/schema-type';
import { CelCompileError } from '@slipway/cel/syntax';
import { CelError, CelOptional, noneOptional } from '@slipway/cel/values';
import { isObjectSchema, type JsonSchema, type ValidationRule } from './json-schema.ts';
import { childPath, itemCorrelation } from './validate.ts';

/**
 * What all rules of one object may cost together. Upstream allows ten times as much, but there a rule keeps one of many threads busy, and here
 * everybody waits for it: at the most for about a tenth of a second.
 */
export const objectCostBudget = 1_500_000;
const messageCharactersMax = 5 * 1024;

export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program: Program;
  readonly message: Program | undefined;
  readonly usesOldSelf: boolean;
}

export function variablesOf(type: CelType, { optionalOldSelf }: ValidationRule): Record<string, CelType> {
  return { self: type, oldSelf: optionalOldSelf ? optionalOf(type) : type };
}

/** Throws CelCompileError. */
export function compileRule(rule: ValidationRule, type: CelType): CompiledRule {
  const variables = variablesOf(type, rule);
  const program = compileExpression(rule.rule, { variables, expect: bool });
  const message = rule.messageExpression
    ? compileExpression(rule.messageExpression, { variables, expect: string })
    : undefined;
  return { rule, program, message, usesOldSelf: program.uses.has('oldSelf') };
}

interface RuleNode {
  readonly type: string;
  readonly rules: readonly (CompiledRule | { readonly problem: string })[];
  readonly fields: readonly (readonly [string, RuleNode])[];
  readonly items: RuleNode | undefined;
  readonly values: RuleNode | undefined;
  readonly correlate: ReturnType<typeof itemCorrelation>;
}

/** Checks an object by all rules of its schema; `old` is undefined on create. */
export type RuleCheck = (value: JsonValue, old: JsonValue | undefined) => { errors: FieldError[]; warnings: string[] };

/** Undefined when the schema has no rules. */
export function compileRules(schema: JsonSchema): RuleCheck | undefined {
  const root = nodeOf(schema, true);
  if (!root) return undefined;
  return (value, old) => {
    const run: Run = { errors: [], warnings: [], remaining: objectCostBudget };
    visit(root, { value, old, path: '' }, run);
    return run;
  };
}

function nodeOf(schema: JsonSchema, isRoot: boolean): RuleNode | undefined {
  const type = typeOfSchema(schema, isRoot || schema['x-kubernetes-embedded-resource'] === true);
  const rules = (schema['x-kubernetes-validations'] ?? []).map((rule) => compiled(rule, type));
  const fields = Object.entries(schema.properties ?? {}).flatMap(([name, own]) => {
    const node = nodeOf(own, false);
    return node ? [[name, node] as const] : [];
  });
  const items = schema.items && nodeOf(schema.items, false);
  const { additionalProperties } = schema;
  const values = isObjectSchema(additionalProperties) ? nodeOf(additionalProperties, false) : undefined;
  if (rules.length === 0 && fields.length === 0 && !items && !values) return undefined;
  return { type: schema.type ?? '', rules, fields, items, values, correlate: itemCorrelation(schema) };
}

function compiled(rule: ValidationRule, type: CelType): CompiledRule | { readonly problem: string } {
  try {
    return compileRule(rule, type);
  } catch (error) {
    if (error instanceof CelCompileError) return { problem: error.message };
    throw error;
  }
}

interface Run {
  readonly errors: FieldError[];
  readonly warnings: string[];
  /** Below zero: no further rule is run. */
  remaining: number;
}

interface Place {
  readonly value: JsonValue;
  readonly old: JsonValue | undefined;
  readonly path: string;
}

function visit(node: RuleNode, place: Place, run: Run): void {
  const { value, old, path } = place;
  if (value === null || run.remaining < 0) return;
  runRules(node, place, run);
  if (isJsonObject(value)) {
    const before = isJsonObject(old) ? old : undefined;
    for (const [name, child] of node.fields) {
      const own = ownValue(value, name);
      if (own === undefined) continue;
      visit(child, { value: own, old: before && ownValue(before, name), path: childPath(path, name) }, run);
    }
    if (!node.values) return;
    for (const key of Object.keys(value)) {
      const own = value[key] as JsonValue;
      visit(node.values, { value: own, old: before && ownValue(before, key), path: `${path}[${key}]` }, run);
    }
  } else if (Array.isArray(value) && node.items) {
    const before = node.correlate(old);
    for (let i = 0; i < value.length; i++) {
      const item = value[i] as JsonValue;
      visit(node.items, { value: item, old: before(item), path: `${path}[${i}]` }, run);
    }
  }
}

/** What beginning to evaluate takes: a rule of a list's items is evaluated for each. */
const evaluationCost = 5;
const outOfBudget = 'validation failed due to running out of cost budget, no further validation rules will be run';

function runRules({ rules, type }: RuleNode, { value, old: oldValue, path }: Place, run: Run): void {
  const old = oldValue === null ? undefined : oldValue;
  let isUnchanged: boolean | undefined;
  for (const compiledRule of rules) {
    if (run.remaining < 0) return;
    if ('problem' in compiledRule) {
      run.errors.push(invalid(path, type, `rule compile error: ${compiledRule.problem}`));
      continue;
    }
    const { rule, usesOldSelf } = compiledRule;
    if (usesOldSelf && old === undefined && !rule.optionalOldSelf) continue;
    const oldSelf = rule.optionalOldSelf ? (old === undefined ? noneOptional : new CelOptional(old)) : old;
    const error = runRule(compiledRule, { self: value, oldSelf }, { path, type }, run);
    if (!error) continue;
    isUnchanged ??= old !== undefined && sameJson(value, old);
    // What was stored before the rule came may stay.
    if (isUnchanged && !usesOldSelf) run.warnings.push(fieldErrorText(error));
    else run.errors.push(error);
  }
}

interface At {
  readonly path: string;
  readonly type: string;
}

function runRule(
  compiledRule: CompiledRule,
  variables: Record<string, unknown>,
  { path, type }: At,
  run: Run,
): FieldError | undefined {
  const { rule, program } = compiledRule;
  run.remaining -= evaluationCost;
  if (run.remaining < 0) return invalid(path, type, outOfBudget);
  const meter = new CostMeter(Math.min(perCallLimit, run.remaining));
  try {
    const holds = program.evaluate(variables, meter) === true;
    run.remaining -= meter.spent;
    if (holds) return undefined;
    const detail = failureText(compiledRule, variables, run);
    return errorFor(rule, { path: pathOf(path, rule.fieldPath), type }, detail);
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    const isOver = error.name === 'CelCostError';
    const spentAll = isOver && meter.spent > run.remaining;
    run.remaining = isOver ? -1 : run.remaining - meter.spent;
    return invalid(path, type, spentAll ? outOfBudget : evaluationText(error, rule));
  }
}

function evaluationText(error: CelError, rule: ValidationRule): string {
  const shown = (rule.message || rule.rule).trim();
  if (error.name === 'CelCostError') {
    return `'${error.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${shown}`;
  }
  if (error.message.startsWith('no such overload')) {
    return `'${error.message}': call arguments did not match a supported operator, function or macro signature for rule: ${shown}`;
  }
  return `${error.message} evaluating rule: ${shown}`;
}

/** The text of the rule's expression, or when it has none, or none that is fit to show, its fixed text. */
function failureText({ rule, message }: CompiledRule, variables: Record<string, unknown>, run: Run): string {
  const fixed = rule.message ? rule.message.trim() : `failed rule: ${rule.rule.trim()}`;
  if (!message) return fixed;
  const meter = new CostMeter(Math.min(perCallLimit, Math.max(run.remaining, 0)));
  try {
    const text = message.evaluate(variables, meter);
    run.remaining -= meter.spent;
    const trimmed = typeof text === 'string' ? text.trim() : '';
    return trimmed === '' || trimmed.includes('\n') || trimmed.length > messageCharactersMax ? fixed : trimmed;
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    if (error.name === 'CelCostError') run.remaining = -1;
    return fixed;
  }
}

function errorFor({ reason }: ValidationRule, { path, type }: At, detail: string): FieldError {
  switch (reason) {
    case 'FieldValueForbidden':
      return forbidden(path, detail);
    case 'FieldValueRequired':
      return required(path, detail);
    case 'FieldValueDuplicate':
      return duplicate(path, type);
    default:
      return invalid(path, type, detail);
  }
}

const pathStep = /\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\]/g;

/** `.spec.a` or `['a.b']`, below the place of the rule. */
function pathOf(path: string, fieldPath: string | undefined): string {
  if (!fieldPath) return path;
  let result = path;
  for (const [, name, key] of fieldPath.matchAll(pathStep))
    result = childPath(result, name ?? (key ?? '').replaceAll("\\'", "'"));
  return result;
}
