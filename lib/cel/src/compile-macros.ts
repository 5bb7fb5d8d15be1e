/** What looks like a call but binds names: `has`, `all`, `exists`, `map`, `filter`, `optMap`, `cel.bind` and the forms with two variables. */
import { bool, type CelType, dyn, int, listOf, mapOf, optionalOf, typeText } from './cel-type.ts';
import { compileHas } from './compile-access.ts';
import { isAbsorbable } from './compile-call.ts';
import type { Compiler } from './compile.ts';
import { type Frame, type Part, times } from './part.ts';
import type { Scope, Variable } from './scope.ts';
import type { SyntaxNode } from './syntax.ts';
import { CelError, CelOptional, fromJson, mapKey, mapKeys, mapGet, noneOptional } from './values.ts';

/** Undefined when the call is none of them. */
export function compileMacro(compiler: Compiler, node: SyntaxNode, scope: Scope): Part | undefined {
  if (node.op === 'call') {
    const [name, args] = node.args as [string, SyntaxNode[]];
    const [only] = args;
    if (name !== 'has' || args.length !== 1 || !only) return undefined;
    return only.op === '.' ? compileHas(compiler, only, scope) : compiler.fail(node, 'invalid argument to has() macro');
  }
  const [name, receiver, args] = node.args as [string, SyntaxNode, SyntaxNode[]];
  if (name === 'bind' && receiver.op === 'id' && receiver.args === 'cel' && args.length === 3)
    return bind(compiler, args, scope);
  if ((name === 'optMap' || name === 'optFlatMap') && args.length === 2) {
    return optionalMap(compiler, receiver, args, scope, name === 'optFlatMap');
  }
  const loop = loops[name];
  if (!loop || args.length < 2 || args.length > 4) return undefined;
  return comprehension(compiler, { node, name, receiver, args, loop }, scope);
}

function variableName(compiler: Compiler, node: SyntaxNode): string {
  return node.op === 'id' ? String(node.args) : compiler.fail(node, 'argument must be a simple name');
}

/** `cel.bind(x, value, expression)` */
function bind(compiler: Compiler, args: readonly SyntaxNode[], scope: Scope): Part {
  const [nameNode, valueNode, bodyNode] = args as [SyntaxNode, SyntaxNode, SyntaxNode];
  const value = compiler.compile(valueNode, scope);
  const variable = compiler.newVariable(value.type, value.size);
  const body = compiler.compile(bodyNode, scope.with([[variableName(compiler, nameNode), variable]]));
  const run = (frame: Frame) => {
    frame.slots[variable.slot] = value.run(frame);
    return body.run(frame);
  };
  return { ...body, run, cost: value.cost + body.cost + 1 };
}

function optionalMap(
  compiler: Compiler,
  receiver: SyntaxNode,
  args: readonly SyntaxNode[],
  scope: Scope,
  isFlat: boolean,
): Part {
  const [nameNode, bodyNode] = args as [SyntaxNode, SyntaxNode];
  const optional = compiler.compile(receiver, scope);
  if (optional.type.kind !== 'optional' && optional.type.kind !== 'dyn') {
    compiler.fail(receiver, `expression of type '${typeText(optional.type)}' is not an optional`);
  }
  const inner = optional.type.kind === 'optional' ? optional.type.of : dyn;
  const variable = compiler.newVariable(inner, optional.size);
  const body = compiler.compile(bodyNode, scope.with([[variableName(compiler, nameNode), variable]]));
  const run = (frame: Frame) => {
    frame.meter.charge(1);
    const value = optional.run(frame);
    if (!(value instanceof CelOptional)) throw new CelError('no such overload');
    if (value.value === undefined) return noneOptional;
    frame.slots[variable.slot] = value.value;
    const result = body.run(frame);
    return isFlat ? result : new CelOptional(result);
  };
  const type = isFlat ? body.type : optionalOf(body.type);
  return { type, run, cost: optional.cost + body.cost + 1, size: body.size };
}

/** Goes through the elements until the body says false; the body puts the element into the frame. */
type Each = (frame: Frame, body: () => boolean) => void;

interface Range {
  readonly each: Each;
  readonly cost: number;
  readonly size: number;
  readonly isMap: boolean;
}

interface Comprehension {
  readonly node: SyntaxNode;
  readonly name: string;
  readonly receiver: SyntaxNode;
  readonly args: readonly SyntaxNode[];
  readonly loop: Loop;
}

function comprehension(compiler: Compiler, { node, receiver, args, loop, name }: Comprehension, scope: Scope): Part {
  const operand = compiler.compile(receiver, scope);
  const { isPair, rest } = splitArguments(compiler, name, args);
  const names = args.slice(0, isPair ? 2 : 1).map((arg) => variableName(compiler, arg));
  const elements = elementTypes(compiler, node, operand.type, isPair);
  const variables = elements.map((type) => compiler.newVariable(type, sizeOfElement(type)));
  const inner = scope.with(names.map((own, i) => [own, variables[i] as Variable] as const));
  const bodies = rest.map((arg) => compiler.compile(arg, inner));
  const range: Range = {
    each: eachOf(operand, variables, isPair),
    cost: operand.cost,
    size: operand.size,
    isMap: operand.type.kind === 'map',
  };
  return loop(range, bodies, {
    keyType: elements[0] ?? dyn,
    slot: variables[0]?.slot ?? 0,
    fail: (body, message) => compiler.fail(rest[bodies.indexOf(body)] ?? node, message),
  });
}

/** One or two variables: told apart by how many arguments the macro has, and by whether the second is a plain name. */
function splitArguments(compiler: Compiler, name: string, args: readonly SyntaxNode[]) {
  const onlyPairs = name.startsWith('transform');
  const isPair = onlyPairs || (args.length === 3 && name !== 'map' && args[1]?.op === 'id');
  const rest = args.slice(isPair ? 2 : 1);
  const [first] = args;
  if (rest.length === 0 && first) compiler.fail(first, `${name} needs an expression`);
  return { isPair, rest };
}

function elementTypes(compiler: Compiler, node: SyntaxNode, type: CelType, isPair: boolean): CelType[] {
  switch (type.kind) {
    case 'list':
      return isPair ? [int, type.element] : [type.element];
    case 'map':
      return isPair ? [type.key, type.value] : [type.key];
    case 'dyn':
    case 'parameter':
      return isPair ? [dyn, dyn] : [dyn];
    default:
      return compiler.fail(
        node,
        `expression of type '${typeText(type)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
      );
  }
}

function sizeOfElement(type: CelType): number {
  const max = 'max' in type ? type.max : undefined;
  return max ?? (type.kind === 'int' || type.kind === 'bool' || type.kind === 'double' ? 1 : Number.POSITIVE_INFINITY);
}

/** What one turn of a loop costs by itself. */
const turnCost = 3;
/** The keys are put together before the first turn. */
const keyCost = 0.5;

function eachOf(operand: Part, variables: readonly Variable[], isPair: boolean): Each {
  const [first, second] = variables;
  const keySlot = first?.slot ?? 0;
  const valueSlot = second?.slot ?? 0;
  return (frame, body) => {
    const { slots, meter } = frame;
    const range = operand.run(frame);
    if (Array.isArray(range)) {
      for (let i = 0; i < range.length; i++) {
        meter.charge(turnCost);
        const item =
          typeof range[i] === 'number' && (second ?? first)?.type.kind === 'dyn' ? fromJson(range[i]) : range[i];
        if (isPair) {
          slots[keySlot] = BigInt(i);
          slots[valueSlot] = item;
        } else slots[keySlot] = item;
        if (!body()) return;
      }
    } else if (typeof range === 'object' && range !== null) {
      const keys = mapKeys(range);
      meter.charge(keys.length * keyCost);
      for (const key of keys) {
        meter.charge(turnCost);
        slots[keySlot] = key;
        if (isPair) slots[valueSlot] = second?.type.kind === 'dyn' ? fromJson(mapGet(range, key)) : mapGet(range, key);
        if (!body()) return;
      }
    } else throw new CelError('no such overload');
  };
}

interface LoopContext {
  /** Of the first variable. */
  readonly keyType: CelType;
  readonly slot: number;
  fail(body: Part, message: string): never;
}

type Loop = (range: Range, bodies: readonly Part[], context: LoopContext) => Part;

function predicate(bodies: readonly Part[], context: LoopContext): Part {
  const [body] = bodies;
  if (body && (body.type.kind === 'bool' || body.type.kind === 'dyn')) return body;
  return context.fail(body as Part, `expected type 'bool' but found '${body ? typeText(body.type) : 'nothing'}'`);
}

function loopCost(range: Range, perTurn: number): number {
  return range.cost + 1 + times(range.size, turnCost + perTurn);
}

/** `all` and `exists`: what decides wins over what fails. */
function quantifier(deciding: boolean): Loop {
  return (range, bodies, context) => {
    const body = predicate(bodies, context);
    const run = (frame: Frame) => {
      let failure: unknown;
      let isDecided = false;
      range.each(frame, () => {
        try {
          const value = body.run(frame);
          if (value === deciding) isDecided = true;
          else if (typeof value !== 'boolean') throw new CelError('no such overload');
        } catch (error) {
          if (!isAbsorbable(error)) throw error;
          failure ??= error;
        }
        return !isDecided;
      });
      if (isDecided) return deciding;
      if (failure !== undefined) throw failure;
      return !deciding;
    };
    return { type: bool, run, cost: loopCost(range, body.cost), size: 1 };
  };
}

const existsOne: Loop = (range, bodies, context) => {
  const body = predicate(bodies, context);
  const run = (frame: Frame) => {
    let count = 0;
    range.each(frame, () => {
      if (body.run(frame) === true) count++;
      return true;
    });
    return count === 1;
  };
  return { type: bool, run, cost: loopCost(range, body.cost + 1), size: 1 };
};

/** What building a list costs for each element, as upstream makes a new list of one and joins it. */
const collectCost = 12;

const collect: Loop = (range, bodies) => {
  const transform = bodies.at(-1) as Part;
  const filter = bodies.length > 1 ? bodies[0] : undefined;
  const run = (frame: Frame) => {
    const found: unknown[] = [];
    range.each(frame, () => {
      if (filter && filter.run(frame) !== true) return true;
      frame.meter.charge(collectCost);
      found.push(transform.run(frame));
      return true;
    });
    return found;
  };
  const cost = loopCost(range, transform.cost + (filter?.cost ?? 0) + collectCost);
  return { type: listOf(transform.type, range.size), run, cost, size: range.size };
};

const filterOf: Loop = (range, bodies, context) => {
  const body = predicate(bodies, context);
  const { keyType, slot } = context;
  const run = (frame: Frame) => {
    const found: unknown[] = [];
    range.each(frame, () => {
      if (body.run(frame) !== true) return true;
      frame.meter.charge(collectCost);
      found.push(frame.slots[slot]);
      return true;
    });
    return found;
  };
  return { type: listOf(keyType, range.size), run, cost: loopCost(range, body.cost + collectCost), size: range.size };
};

/** `transformMap` and `transformMapEntry`. */
function transformMap(isEntry: boolean): Loop {
  return (range, bodies, context) => {
    const transform = bodies.at(-1) as Part;
    const filter = bodies.length > 1 ? bodies[0] : undefined;
    const run = (frame: Frame) => {
      const made = new Map<unknown, unknown>();
      range.each(frame, () => {
        if (filter && filter.run(frame) !== true) return true;
        frame.meter.charge(collectCost);
        const value = transform.run(frame);
        if (!isEntry) made.set(mapKey(frame.slots[context.slot]), value);
        else for (const key of mapKeys(value as object)) addEntry(made, key, mapGet(value as object, key));
        return true;
      });
      return made;
    };
    const type = isEntry && transform.type.kind === 'map' ? transform.type : mapOf(context.keyType, transform.type);
    return { type, run, cost: loopCost(range, transform.cost + collectCost), size: range.size };
  };
}

function addEntry(map: Map<unknown, unknown>, key: unknown, value: unknown): void {
  if (map.has(mapKey(key))) throw new CelError(`insert failed: key ${String(key)} already exists`);
  map.set(mapKey(key), value);
}

const loops: Readonly<Record<string, Loop>> = {
  all: quantifier(false),
  exists: quantifier(true),
  exists_one: existsOne,
  existsOne,
  map: collect,
  filter: filterOf,
  transformList: collect,
  transformMap: transformMap(false),
  transformMapEntry: transformMap(true),
};
