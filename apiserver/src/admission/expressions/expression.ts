/** Expressions of admission: compiled once per policy or webhook, evaluated with what is known of a write. */
import {
  bool,
  type CelType,
  dyn,
  type FieldType,
  listOf,
  nullType,
  type ObjectType,
  string,
  typeText,
} from '@slipway/cel/cel-type';
import { compileExpression } from '@slipway/cel/compile';
import { CostMeter } from '@slipway/cel/cost-meter';
import { builtInOverloads, FunctionTable } from '@slipway/cel/functions/all-overloads';
import { escapedName } from '@slipway/cel/schema-type';
import { CelCompileError } from '@slipway/cel/syntax';
import { CelError } from '@slipway/cel/values';
import { messageOf } from '@slipway/kit/errors';
import { authorizerOverloads, authorizerType } from './authorizer-functions.ts';
import { jsonPatchOverloads } from './json-patch-functions.ts';
import { jsonPatchType, mutationMessages, objectType } from './messages.ts';
import { namespaceType, requestType, variablesTypeName } from './variable-types.ts';

/**
 * What all expressions of one policy may cost together for one write: about a tenth of a second. Upstream allows ten times as much, but there
 * an expression keeps one of many threads busy, and here everybody would wait for it.
 */
const costMax = 1_000_000;

const functions = new FunctionTable([...builtInOverloads, ...authorizerOverloads, ...jsonPatchOverloads]);

const ofEvery: Readonly<Record<string, CelType>> = {
  object: dyn,
  oldObject: dyn,
  request: requestType,
  namespaceObject: namespaceType,
  authorizer: authorizerType,
};

/** What an expression may name beside the write itself. */
export interface Context {
  /** The policy names a kind of parameters. */
  readonly hasParams?: boolean;
  /** `variables.x`: those that are defined before the expression. */
  readonly variables?: ObjectType;
  /** `Object{...}` and `JSONPatch{...}` may be written. */
  readonly isMutation?: boolean;
  /** For type checking: what is dyn when the expression is evaluated. */
  readonly types?: { readonly object: CelType; readonly params: CelType | undefined };
}

/** An expression that could not be compiled is kept, and fails whenever it is evaluated. */
export interface Expression {
  readonly text: string;
  /** Without the words before it that say what failed. */
  readonly issue: string | undefined;
  readonly problem: string | undefined;
  readonly type: CelType;
  /** Throws CelError. */
  evaluate(values: Readonly<Record<string, unknown>>, meter: CostMeter): unknown;
}

/** The types that an expression may have; none: any. */
const expected = {
  bool: [bool],
  string: [string],
  stringOrNull: [string, nullType],
  object: [objectType],
  jsonPatch: [listOf(jsonPatchType)],
  any: [],
} satisfies Record<string, readonly CelType[]>;

export type Wanted = keyof typeof expected;

export function compiledExpression(given: string, wanted: Wanted, context: Context = {}): Expression {
  const text = given.trim();
  try {
    const program = compileExpression(text, {
      variables: variablesIn(context),
      functions,
      ...(context.isMutation ? { messages: mutationMessages } : {}),
    });
    checkType(program.resultType, expected[wanted]);
    return {
      text,
      issue: undefined,
      problem: undefined,
      type: program.resultType,
      evaluate: (values, meter) => program.evaluate(values, meter),
    };
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    const problem = `compilation failed: ${error.message}`;
    return {
      text,
      issue: error.message,
      problem,
      type: dyn,
      evaluate: () => {
        throw new CelError(problem);
      },
    };
  }
}

function variablesIn({ hasParams, variables, types }: Context): Record<string, CelType> {
  const object = types?.object ?? dyn;
  return {
    ...ofEvery,
    object,
    oldObject: object,
    ...(hasParams ? { params: types?.params ?? dyn } : {}),
    ...(variables ? { variables } : {}),
  };
}

/** Upstream wants the type itself: what might be one while it runs is not enough. */
function checkType(type: CelType, wanted: readonly CelType[]): void {
  if (wanted.length === 0) return;
  const shown = typeText(type);
  const names = wanted.map(typeText);
  const isEmptyList = type.kind === 'list' && type.element.kind === 'parameter' && wanted[0]?.kind === 'list';
  if (names.includes(shown) || isEmptyList) return;
  const list = names.length === 1 ? names[0] : `one of [${names.join(' ')}]`;
  throw new CelCompileError(`must evaluate to ${list}`);
}

export interface NamedExpression {
  readonly name: string;
  readonly expression: Expression;
}

/** Each variable sees those before it: the fields of the one type grow while they are compiled. */
export function compiledVariables(
  variables: readonly { readonly name: string; readonly expression: string }[],
  context: Context,
): { readonly all: readonly NamedExpression[]; readonly context: Context } {
  const fields = new Map<string, FieldType>();
  const extended: Context = { ...context, variables: { kind: 'object', name: variablesTypeName, fields } };
  const all = variables.map(({ name, expression: text }) => {
    const expression = compiledExpression(text, 'any', extended);
    fields.set(escapedName(name) ?? name, { type: expression.type, property: name });
    return { name, expression };
  });
  return { all, context: extended };
}

export function newMeter(): CostMeter {
  return new CostMeter(costMax);
}

/** `expression 'X' resulted in error: Y`. */
export function evaluationProblem({ text }: Expression, error: unknown): string {
  return `expression '${text}' resulted in error: ${messageOf(error)}`;
}

export interface Conditions {
  readonly all: readonly NamedExpression[];
}

export function compiledConditions(
  conditions: readonly { readonly name: string; readonly expression: string }[] | undefined,
  context: Context = {},
): Conditions {
  const all = (conditions ?? []).map(({ name, expression }) => {
    return { name, expression: compiledExpression(expression, 'bool', context) };
  });
  return { all };
}

/** One that is false decides, whatever the others do; else the problem of one that cannot be evaluated. */
export function conditionsHold(
  { all }: Conditions,
  values: Readonly<Record<string, unknown>>,
): { readonly holds: boolean; readonly problem?: string } {
  let problem: string | undefined;
  const meter = newMeter();
  for (const { expression } of all) {
    try {
      const value = expression.evaluate(values, meter);
      if (value === false) return { holds: false };
      if (value !== true) throw new CelError('must evaluate to bool');
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      problem ??= evaluationProblem(expression, error);
    }
  }
  return problem === undefined ? { holds: true } : { holds: false, problem };
}
