/**
 * From text to something that runs: parsed by the library, checked against the types of the variables, and turned into closures. Each
 * closure charges the meter for what it does, so that an expression stops when it has used up its budget, and each part knows the most that it
 * can cost for the largest objects that the schema allows.
 */
import {
  type CelType,
  double,
  fits,
  int,
  nullType,
  objectOf,
  typeText,
  typeType,
  uint,
  bool,
  bytes,
} from './cel-type.ts';
import { compileAccess, compileIndex } from './compile-access.ts';
import { compileCall, compileOperator } from './compile-call.ts';
import { compileList, compileMap, compileMessage, type MessageType } from './compile-literals.ts';
import { compileMacro } from './compile-macros.ts';
import { CostMeter } from './cost-meter.ts';
import { readerOf } from './from-json.ts';
import { builtInFunctions, type FunctionTable } from './functions/all-overloads.ts';
import { largestSize, type Frame, type Part } from './part.ts';
import { Scope, type Variable } from './scope.ts';
import { CelCompileError, located, parseExpression, type SyntaxNode } from './syntax.ts';
import { messageOp } from './syntax-extensions.ts';
import { CelError, CelOptional, CelTypeValue, CelUint, checkedInt } from './values.ts';

export interface Environment {
  /** What the expression may name. */
  readonly variables: Readonly<Record<string, CelType>>;
  /** Default: the standard functions with the extensions of Kubernetes. */
  readonly functions?: FunctionTable;
  /** The messages that may be written (`JSONPatch{op: "add"}`): by name, the type; undefined for a name that is none. Default: none at all. */
  readonly messages?: (name: string) => MessageType | undefined;
  /** The type that the expression must have. */
  readonly expect?: CelType;
}

export interface Program {
  readonly resultType: CelType;
  /** The variables that it names. */
  readonly uses: ReadonlySet<string>;
  /** The most that it can cost, for the largest values that the types of the variables allow; Infinity when they allow any. */
  readonly estimatedCost: number;
  /**
   * Runs it. Variables are values of JSON, which are used as they are; a variable that is left out must not be asked for. Throws CelError when the
   * evaluation fails, CelCostError when it costs more than the meter allows.
   */
  evaluate(variables: Readonly<Record<string, unknown>>, meter?: CostMeter): unknown;
}

/** Throws CelCompileError, with what is wrong and where. */
export function compileExpression(text: string, environment: Environment): Program {
  const tree = parseExpression(text);
  const compiler = new Compiler(text, environment);
  const part = compiler.compile(tree, compiler.root);
  const { expect } = environment;
  if (expect && (!fits(expect, part.type, new Map()) || (part.type.kind === 'dyn' && expect.kind !== 'dyn'))) {
    throw new CelCompileError(`cel expression must evaluate to a ${typeText(expect)}`);
  }
  const { inputs } = compiler;
  const usedInputs = [...inputs].filter(([name]) => compiler.used.has(name));
  return {
    resultType: part.type,
    uses: new Set(usedInputs.map(([name]) => name)),
    estimatedCost: part.cost,
    evaluate(variables, meter = new CostMeter()) {
      const frame: Frame = { slots: new Array<unknown>(compiler.slotCount), meter };
      for (const [name, input] of usedInputs) frame.slots[input.slot] = readInput(variables[name], input, meter);
      const result = part.run(frame);
      if (expect?.kind === 'bool' && typeof result !== 'boolean') throw new CelError('no such overload');
      return result;
    },
  };
}

interface Input extends Variable {
  readonly read: ReturnType<typeof readerOf>;
}

function readInput(value: unknown, { read, type }: Input, meter: CostMeter): unknown {
  if (type.kind === 'optional' && value instanceof CelOptional) {
    const readInner = readerOf(type.of);
    return value.value === undefined || !readInner ? value : new CelOptional(readInner(value.value, meter));
  }
  return read && value !== null && value !== undefined ? read(value, meter) : value;
}

const typeNames = [
  'int',
  'uint',
  'double',
  'bool',
  'string',
  'bytes',
  'list',
  'map',
  'null_type',
  'type',
  'optional_type',
];
const selectCost = 1;

export class Compiler {
  readonly text: string;
  readonly functions: FunctionTable;
  readonly messages: NonNullable<Environment['messages']>;
  readonly root: Scope;
  readonly inputs = new Map<string, Input>();
  readonly used = new Set<string>();
  slotCount = 0;

  constructor(text: string, environment: Environment) {
    this.text = text;
    this.functions = environment.functions ?? builtInFunctions;
    this.messages = environment.messages ?? (() => undefined);
    for (const [name, type] of Object.entries(environment.variables)) {
      this.inputs.set(name, { type, slot: this.slotCount++, size: largestSize(type), read: readerOf(type) });
    }
    this.root = new Scope(this.inputs);
  }

  fail(node: SyntaxNode, message: string): never {
    throw new CelCompileError(located(this.text, node.pos, message));
  }

  newVariable(type: CelType, size: number): Variable {
    return { type, size, slot: this.slotCount++ };
  }

  compile(node: SyntaxNode, scope: Scope): Part {
    switch (node.op) {
      case 'value':
        return this.#literal(node);
      case 'id':
        return this.#identifier(node, String(node.args), scope);
      case 'list':
        return compileList(this, node, scope);
      case 'map':
        return compileMap(this, node, scope);
      case messageOp:
        return compileMessage(this, node, scope);
      case '.':
      case '.?':
        return this.#select(node, scope);
      case '[]':
      case '[?]':
        return compileIndex(this, node, scope);
      case 'call':
      case 'rcall':
        return compileMacro(this, node, scope) ?? compileCall(this, node, scope);
      default:
        return compileOperator(this, node, scope);
    }
  }

  #literal({ args }: SyntaxNode): Part {
    const value = literalValue(args);
    const size = typeof value === 'string' || value instanceof Uint8Array ? value.length : 1;
    const type = typeOfLiteral(value);
    const isUncheckedInt = typeof value === 'bigint';
    const run = isUncheckedInt ? () => checkedInt(value) : () => value;
    return { type, run, cost: 0, size, isConstant: !isUncheckedInt };
  }

  #identifier(node: SyntaxNode, name: string, scope: Scope): Part {
    const variable = scope.find(name);
    if (variable) return this.#variable(name, variable);
    if (typeNames.includes(name)) {
      const value = new CelTypeValue(name);
      return { type: typeType, run: () => value, cost: 0, size: 1 };
    }
    return this.fail(node, `undeclared reference to '${name}' (in container '')`);
  }

  #variable(name: string, { type, slot, size }: Variable): Part {
    const input = this.inputs.get(name);
    if (input?.slot === slot) this.used.add(name);
    const run = (frame: Frame) => {
      frame.meter.charge(selectCost);
      const value = frame.slots[slot];
      if (value === undefined) throw new CelError(`no such attribute(s): ${name}`);
      return value;
    };
    return { type, run, cost: selectCost, size };
  }

  /** Names with dots may be types: `type(x) == google.protobuf.Duration`. */
  #select(node: SyntaxNode, scope: Scope): Part {
    const path = dottedPath(node);
    if (path && qualifiedTypes.has(path) && !scope.find(path.slice(0, path.indexOf('.')))) {
      const value = new CelTypeValue(path);
      return { type: typeType, run: () => value, cost: 0, size: 1 };
    }
    return compileAccess(this, node, scope);
  }
}

const qualifiedTypes: ReadonlySet<string> = new Set([
  'google.protobuf.Timestamp',
  'google.protobuf.Duration',
  'net.IP',
  'net.CIDR',
  'kubernetes.Quantity',
  'kubernetes.URL',
  'kubernetes.Semver',
]);

function dottedPath(node: SyntaxNode): string | undefined {
  if (node.op === 'id') return String(node.args);
  if (node.op !== '.') return undefined;
  const [operand, name] = node.args as [SyntaxNode, string];
  const path = dottedPath(operand);
  return path === undefined ? undefined : `${path}.${name}`;
}

export function totalCost(parts: readonly Part[]): number {
  return parts.reduce((sum, { cost }) => sum + cost, 0);
}

/** The library has its own class for unsigned numbers. */
function literalValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const inner = (value as { readonly value?: unknown }).value;
  return typeof inner === 'bigint' ? new CelUint(inner) : value;
}

function typeOfLiteral(value: unknown): CelType {
  switch (typeof value) {
    case 'string':
      return { kind: 'string', max: value.length };
    case 'boolean':
      return bool;
    case 'bigint':
      return int;
    case 'number':
      return double;
  }
  if (value === null) return nullType;
  return value instanceof CelUint ? uint : bytes;
}

/** For what has no fields of its own. */
export const emptyObject = objectOf('object', {});
