/** Functions and operators: which signature is meant, and what calling it costs. */
import { bool, commonType, type CelType, dyn, fits, type Substitution, substitute, typeText } from './cel-type.ts';
import { type Compiler, totalCost } from './compile.ts';
import { equalsMetered, orderedFunctions, orderedKinds } from './functions/lists.ts';
import { namespaces, type Overload } from './functions/overload.ts';
import { type Frame, largestSize, type Part, type Run } from './part.ts';
import type { Scope } from './scope.ts';
import type { SyntaxNode } from './syntax.ts';
import { addMapLists, equalSets, unionOfSets } from './set-lists.ts';
import { CelError, CelOpaque, isPlainObject, sizeOf, typeNameOf } from './values.ts';

const callCost = 1;
/** Which signature is meant is found out at each call. */
const dispatchCost = 1;

export function compileCall(compiler: Compiler, node: SyntaxNode, scope: Scope): Part {
  if (node.op === 'call') {
    const [name, args] = node.args as [string, SyntaxNode[]];
    return resolve(
      compiler,
      node,
      { name, isMember: false },
      args.map((arg) => compiler.compile(arg, scope)),
    );
  }
  const [name, receiver, args] = node.args as [string, SyntaxNode, SyntaxNode[]];
  if (receiver.op === 'id' && namespaces.has(String(receiver.args)) && !scope.find(String(receiver.args))) {
    const qualified = `${String(receiver.args)}.${name}`;
    return resolve(
      compiler,
      node,
      { name: qualified, isMember: false },
      args.map((arg) => compiler.compile(arg, scope)),
    );
  }
  const parts = [compiler.compile(receiver, scope), ...args.map((arg) => compiler.compile(arg, scope))];
  return resolve(compiler, node, { name, isMember: true }, parts);
}

interface Called {
  readonly name: string;
  readonly isMember: boolean;
}

function resolve(compiler: Compiler, node: SyntaxNode, called: Called, args: readonly Part[]): Part {
  const known = compiler.functions.find(called.name, called.isMember);
  if (known.length === 0) {
    const isKnownOtherwise = compiler.functions.find(called.name, !called.isMember).length > 0;
    if (!isKnownOtherwise) compiler.fail(node, `undeclared reference to '${called.name}' (in container '')`);
  }
  const candidates = known.flatMap((overload) => matched(overload, args));
  const [first] = candidates;
  if (!first || !hasOrder(called.name, args)) return noOverload(compiler, node, called, args);
  return callPart(
    candidates.map(({ overload }) => overload),
    resultOf(candidates),
    args,
  );
}

interface Match {
  readonly overload: Overload;
  readonly result: CelType;
}

function matched(overload: Overload, args: readonly Part[]): Match[] {
  const { parameters } = overload;
  if (parameters.length !== args.length) return [];
  const bound: Substitution = new Map();
  const isMatch = parameters.every((parameter, i) => fits(parameter, args[i]?.type ?? dyn, bound));
  return isMatch ? [{ overload, result: substitute(overload.result, bound) }] : [];
}

function resultOf(candidates: readonly Match[]): CelType {
  const [first, ...rest] = candidates;
  return rest.reduce((type, { result }) => (type.kind === result.kind ? type : dyn), first?.result ?? dyn);
}

function hasOrder(name: string, [receiver]: readonly Part[]): boolean {
  if (!orderedFunctions.has(name) || receiver?.type.kind !== 'list') return true;
  return orderedKinds.has(receiver.type.element.kind);
}

function noOverload(compiler: Compiler, node: SyntaxNode, { name, isMember }: Called, args: readonly Part[]): never {
  const types = args.map(({ type }) => typeText(type));
  const applied = isMember ? `${types[0]}.(${types.slice(1).join(', ')})` : `(${types.join(', ')})`;
  return compiler.fail(node, `found no matching overload for '${name}' applied to '${applied}'`);
}

function callPart(candidates: readonly Overload[], type: CelType, args: readonly Part[]): Part {
  const sizes = args.map(({ size }) => size);
  const estimates = candidates.map(({ cost }) => (cost.of && !cost.isOnlyMeasured ? finite(cost.of(sizes)) : 0));
  const cost = totalCost(args) + callCost + Math.max(...estimates);
  const [only] = candidates;
  const isCertain = candidates.length === 1 && args.every((arg, i) => isStatic(only?.parameters[i], arg.type));
  const run = isCertain && only ? directCall(only, args) : dispatchedCall(candidates, args);
  const resultSizes = candidates.map((overload) => overload.cost.resultSize?.(sizes) ?? largestSize(type));
  return { type, run, cost, size: Math.max(...resultSizes.map(finite)) };
}

/** Zero characters times without end. */
function finite(value: number): number {
  return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
}

/** Nothing is left to find out while running. */
function isStatic(parameter: CelType | undefined, given: CelType): boolean {
  if (!parameter || parameter.kind === 'parameter' || parameter.kind === 'dyn') return true;
  if (given.kind === 'dyn' || given.kind === 'parameter') return false;
  if (parameter.kind === 'list' && given.kind === 'list') return isStatic(parameter.element, given.element);
  return true;
}

function directCall({ run, cost }: Overload, args: readonly Part[]): Run {
  const call = run as unknown as (args: readonly unknown[], meter: Frame['meter']) => unknown;
  const [a, b] = args;
  const least = callCost + (cost.work ?? 0);
  const costOf = cost.of;
  if (args.length === 1 && a) {
    return (frame) => {
      const values = [a.run(frame)];
      frame.meter.charge(costOf ? least + costOf([measuredSize(values[0], frame.meter)]) : least);
      return call(values, frame.meter);
    };
  }
  if (args.length === 2 && a && b) {
    return (frame) => {
      if (!costOf) frame.meter.charge(least);
      const values = [a.run(frame), b.run(frame)];
      if (costOf) {
        const sizes = [measuredSize(values[0], frame.meter), measuredSize(values[1], frame.meter)];
        frame.meter.charge(least + costOf(sizes));
      }
      return call(values, frame.meter);
    };
  }
  return (frame) => {
    const values = args.map((arg) => arg.run(frame));
    frame.meter.charge(least + (costOf ? costOf(values.map((value) => measuredSize(value, frame.meter))) : 0));
    return call(values, frame.meter);
  };
}

const countCost = 0.5;
const sizeMaker = {};

/** Counting the entries of a plain object is a walk, done once. */
function measuredSize(value: unknown, meter: Frame['meter']): number {
  if (!isPlainObject(value)) return sizeOf(value);
  return meter.once(sizeMaker, value, () => {
    const size = sizeOf(value);
    meter.charge(size * countCost);
    return size;
  });
}

function dispatchedCall(candidates: readonly Overload[], args: readonly Part[]): Run {
  return (frame) => {
    const values = args.map((arg) => arg.run(frame));
    const overload = candidates.find(({ parameters }) => parameters.every((type, i) => isOfType(type, values[i])));
    if (!overload) throw new CelError('no such overload');
    const { run, cost } = overload;
    const sizes = cost.of ? values.map((value) => measuredSize(value, frame.meter)) : [];
    frame.meter.charge(callCost + dispatchCost + (cost.work ?? 0) + (cost.of ? cost.of(sizes) : 0));
    return (run as unknown as (args: readonly unknown[], meter: Frame['meter']) => unknown)(values, frame.meter);
  };
}

const runtimeNames: Readonly<Record<string, string>> = {
  null: 'null_type',
  timestamp: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
  optional: 'optional_type',
  object: 'map',
};

function isOfType(type: CelType, value: unknown): boolean {
  if (type.kind === 'parameter' || type.kind === 'dyn') return true;
  if (type.kind === 'opaque') return value instanceof CelOpaque && value.typeName === type.name;
  if (typeNameOf(value) !== (runtimeNames[type.kind] ?? type.kind)) return false;
  if (type.kind !== 'list' || type.element.kind === 'parameter' || type.element.kind === 'dyn') return true;
  const [first] = value as readonly unknown[];
  return first === undefined || isOfType(type.element, first);
}

export function compileOperator(compiler: Compiler, node: SyntaxNode, scope: Scope): Part {
  switch (node.op) {
    case '&&':
    case '||':
      return logical(compiler, node, scope);
    case '?:':
      return conditional(compiler, node, scope);
    case '==':
    case '!=':
      return equality(compiler, node, scope);
    case '!_':
    case '-_':
      return unary(compiler, node, scope);
    default: {
      const [left, right] = (node.args as SyntaxNode[]).map((arg) => compiler.compile(arg, scope));
      if (!left || !right) return compiler.fail(node, `unexpected ${node.op}`);
      if (node.op === '+')
        return mergedLists(left, right) ?? resolve(compiler, node, { name: '_+_', isMember: false }, [left, right]);
      return resolve(compiler, node, { name: `_${node.op}_`, isMember: false }, [left, right]);
    }
  }
}

/** The least int is a literal of its own, as its positive counterpart is too large for one. */
function unary(compiler: Compiler, node: SyntaxNode, scope: Scope): Part {
  const operand = node.args as SyntaxNode;
  if (node.op === '-_' && operand.op === 'value' && typeof operand.args === 'bigint') {
    return compiler.compile({ ...operand, args: -operand.args }, scope);
  }
  return resolve(compiler, node, { name: node.op, isMember: false }, [compiler.compile(operand, scope)]);
}

/** Either side may fail as long as the other one decides. */
function logical(compiler: Compiler, node: SyntaxNode, scope: Scope): Part {
  const parts = (node.args as SyntaxNode[]).map((arg) => compiler.compile(arg, scope));
  for (const part of parts) {
    if (part.type.kind !== 'bool' && part.type.kind !== 'dyn') {
      noOverload(compiler, node, { name: `_${node.op}_`, isMember: false }, parts);
    }
  }
  const [left, right] = parts;
  if (!left || !right) return compiler.fail(node, `unexpected ${node.op}`);
  const deciding = node.op === '||';
  return { type: bool, run: eitherOf(left.run, right.run, deciding), cost: left.cost + right.cost, size: 1 };
}

function eitherOf(left: Run, right: Run, deciding: boolean): Run {
  return (frame) => {
    let failure: unknown;
    try {
      const value = left(frame);
      if (value === deciding) return deciding;
      if (typeof value !== 'boolean') failure = new CelError('no such overload');
    } catch (error) {
      if (!isAbsorbable(error)) throw error;
      failure = error;
    }
    const value = right(frame);
    if (value === deciding) return deciding;
    if (failure !== undefined) throw failure;
    if (typeof value !== 'boolean') throw new CelError('no such overload');
    return !deciding;
  };
}

/** Running out of budget is no value that something else could outweigh. */
export function isAbsorbable(error: unknown): error is CelError {
  return error instanceof CelError && error.name !== 'CelCostError';
}

function conditional(compiler: Compiler, node: SyntaxNode, scope: Scope): Part {
  const [test, yes, no] = (node.args as SyntaxNode[]).map((arg) => compiler.compile(arg, scope));
  if (!test || !yes || !no) return compiler.fail(node, 'unexpected ?');
  const type = commonType(yes.type, no.type);
  if (!type || (test.type.kind !== 'bool' && test.type.kind !== 'dyn')) {
    return noOverload(compiler, node, { name: '_?_:_', isMember: false }, [test, yes, no]);
  }
  const run = (frame: Frame) => {
    const value = test.run(frame);
    if (typeof value !== 'boolean') throw new CelError('no such overload');
    return value ? yes.run(frame) : no.run(frame);
  };
  return { type, run, cost: test.cost + Math.max(yes.cost, no.cost), size: Math.max(yes.size, no.size) };
}

function equality(compiler: Compiler, node: SyntaxNode, scope: Scope): Part {
  const [left, right] = (node.args as SyntaxNode[]).map((arg) => compiler.compile(arg, scope));
  if (!left || !right) return compiler.fail(node, `unexpected ${node.op}`);
  if (commonType(left.type, right.type) === undefined && !areNumbers(left.type, right.type)) {
    return noOverload(compiler, node, { name: `_${node.op}_`, isMember: false }, [left, right]);
  }
  const wanted = node.op === '==';
  const compare = isSet(left.type) && isSet(right.type) ? equalSets : equalsMetered;
  const run = (frame: Frame) => {
    frame.meter.charge(callCost);
    return compare(left.run(frame), right.run(frame), frame.meter) === wanted;
  };
  const cost = left.cost + right.cost + callCost + Math.min(left.size, right.size) * 0.1;
  return { type: bool, run, cost, size: 1 };
}

function areNumbers(a: CelType, b: CelType): boolean {
  const numbers = ['int', 'uint', 'double'];
  return numbers.includes(a.kind) && numbers.includes(b.kind);
}

function isSet(type: CelType): boolean {
  return type.kind === 'list' && type.listType !== undefined;
}

/** Keys of items are put together and looked up. */
const mergedItemCost = 10;

/** Sets and lists with keys add up as such. */
function mergedLists(left: Part, right: Part): Part | undefined {
  const { type } = left;
  if (type.kind !== 'list' || type.listType === undefined || right.type.kind !== 'list') return undefined;
  const { keys = [] } = type;
  const merge = type.listType === 'set' ? unionOfSets : (a: unknown, b: unknown) => addMapLists(a, b, keys);
  const run = (frame: Frame) => {
    const [a, b] = [left.run(frame), right.run(frame)];
    frame.meter.charge(callCost + (sizeOf(a) + sizeOf(b)) * mergedItemCost);
    return merge(a, b, frame.meter);
  };
  const size = left.size + right.size;
  return { type, run, cost: left.cost + right.cost + callCost + size, size };
}
