/** Expressions of admission: compiled once per policy or webhook, evaluated with what is known of a write. */
import { bool, type CelType, dyn, string } from '@slipway/cel/cel-type';
import { compileExpression, type Program } from '@slipway/cel/compile';
import { CostMeter } from '@slipway/cel/cost-meter';
import { builtInOverloads, FunctionTable } from '@slipway/cel/functions/all-overloads';
import { CelCompileError } from '@slipway/cel/syntax';
import { CelError } from '@slipway/cel/values';
import { messageOf } from '@slipway/kit/errors';
import { authorizerOverloads, authorizerType } from './authorizer-functions.ts';
import { jsonPatchOverloads } from './json-patch-functions.ts';

/**
 * What all expressions of one policy may cost together for one write: about a tenth of a second. Upstream allows ten times as much, but there
 * an expression keeps one of many threads busy, and here everybody would wait for it.
 */
const costMax = 1_000_000;

const functions = new FunctionTable([...builtInOverloads, ...authorizerOverloads, ...jsonPatchOverloads]);

const variables: Readonly<Record<string, CelType>> = {
  object: dyn,
  oldObject: dyn,
  request: dyn,
  params: dyn,
  namespaceObject: dyn,
  variables: dyn,
  authorizer: authorizerType,
};

export type ExpressionVariables = { readonly [name in keyof typeof variables]: unknown };

/** An expression that could not be compiled is kept, and fails whenever it is evaluated. */
export interface Expression {
  readonly text: string;
  readonly problem: string | undefined;
  /** Throws CelError. */
  evaluate(values: Readonly<Record<string, unknown>>, meter: CostMeter): unknown;
}

const expected = { bool, string, any: undefined } as const;

export function compiledExpression(given: string, wanted: keyof typeof expected): Expression {
  const text = given.trim();
  try {
    const program = compileExpression(text, { variables, functions });
    checkType(program, wanted);
    return { text, problem: undefined, evaluate: (values, meter) => program.evaluate(values, meter) };
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    const problem = `compilation failed: ${error.message}`;
    return {
      text,
      problem,
      evaluate: () => {
        throw new CelError(problem);
      },
    };
  }
}

/** Fields of the object have no types here, so that nothing but the evaluation shows what they are. */
function checkType({ resultType }: Program, wanted: keyof typeof expected): void {
  const type = expected[wanted];
  if (!type || resultType.kind === 'dyn' || resultType.kind === type.kind) return;
  throw new CelCompileError(`must evaluate to ${wanted}`);
}

export function newMeter(): CostMeter {
  return new CostMeter(costMax);
}

/** `expression 'X' resulted in error: Y`. */
export function evaluationProblem({ text }: Expression, error: unknown): string {
  return `expression '${text}' resulted in error: ${messageOf(error)}`;
}

export interface Conditions {
  readonly all: readonly { readonly name: string; readonly expression: Expression }[];
}

export function compiledConditions(
  conditions: readonly { readonly name: string; readonly expression: string }[] | undefined,
): Conditions {
  return {
    all: (conditions ?? []).map(({ name, expression }) => ({
      name,
      expression: compiledExpression(expression, 'bool'),
    })),
  };
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
