/** Lists, maps and messages, with elements and entries that may be left out. */
import {
  type CelType,
  commonType,
  dyn,
  fits,
  listOf,
  mapOf,
  type ObjectType,
  optionalOf,
  typeText,
} from './cel-type.ts';
import { type Compiler, totalCost } from './compile.ts';
import type { Frame, Part, Run } from './part.ts';
import { escapedName } from './schema-type.ts';
import type { Scope } from './scope.ts';
import type { SyntaxNode } from './syntax.ts';
import { optionalOp } from './syntax-extensions.ts';
import { CelError, CelOptional, mapKey } from './values.ts';

const listCost = 10;
const mapCost = 30;

/** Stands for what is left out. */
const nothing = Symbol('nothing');

export function compileList(compiler: Compiler, { args }: SyntaxNode, scope: Scope): Part {
  const items = (args as SyntaxNode[]).map((item) => compileElement(compiler, item, scope));
  const type = listOf(unified(items.map((item) => item.type)), items.length);
  const mayLack = (args as SyntaxNode[]).some(({ op }) => op === optionalOp);
  let constant: readonly unknown[] | undefined;
  const isConstant = items.every((item) => item.isConstant === true);
  const run = (frame: Frame) => {
    frame.meter.charge(listCost);
    // Lists are never changed, so that one of constants is made once.
    if (constant) return constant;
    const list = items.map((item) => item.run(frame));
    if (isConstant) constant = Object.freeze(list);
    return mayLack ? list.filter((item) => item !== nothing) : list;
  };
  return { type, run, cost: listCost + totalCost(items), size: items.length };
}

export function compileMap(compiler: Compiler, { args }: SyntaxNode, scope: Scope): Part {
  const entries = (args as [SyntaxNode, SyntaxNode][]).map(
    ([key, value]) =>
      [
        compiler.compile(key.op === optionalOp ? (key.args as SyntaxNode) : key, scope),
        compileValue(compiler, key, value, scope),
      ] as const,
  );
  const key = unified(entries.map(([part]) => part.type));
  const value = unified(entries.map(([, part]) => part.type));
  return {
    type: mapOf(key, value, entries.length),
    run: mapRun(entries.map(([keyPart, valuePart]) => [(frame) => mapKey(keyPart.run(frame)), valuePart.run])),
    cost: mapCost + totalCost(entries.flat()),
    size: entries.length,
  };
}

function mapRun(entries: readonly (readonly [Run, Run])[]): Run {
  return (frame) => {
    frame.meter.charge(mapCost);
    const map = new Map<unknown, unknown>();
    for (const [key, value] of entries) {
      const own = value(frame);
      if (own !== nothing) map.set(key(frame), own);
    }
    return map;
  };
}

function compileElement(compiler: Compiler, node: SyntaxNode, scope: Scope): Part {
  return node.op === optionalOp
    ? optionalPart(compiler, node.args as SyntaxNode, scope)
    : compiler.compile(node, scope);
}

/** The value of an entry whose key may be marked. */
function compileValue(compiler: Compiler, key: SyntaxNode, value: SyntaxNode, scope: Scope): Part {
  return key.op === optionalOp ? optionalPart(compiler, value, scope) : compiler.compile(value, scope);
}

/** What an optional value holds; `nothing` for none. */
function optionalPart(compiler: Compiler, node: SyntaxNode, scope: Scope): Part {
  const part = compiler.compile(node, scope);
  const { type } = part;
  if (type.kind !== 'optional' && type.kind !== 'dyn') {
    return compiler.fail(node, `expected type '${typeText(optionalOf(type))}' but found '${typeText(type)}'`);
  }
  const run = (frame: Frame) => {
    const value = part.run(frame);
    if (!(value instanceof CelOptional)) throw new CelError('no such overload');
    return value.value === undefined ? nothing : value.value;
  };
  return { ...part, type: type.kind === 'optional' ? type.of : dyn, run };
}

/** The one type of all, or dyn: lists of mixed elements are allowed. */
function unified(types: readonly CelType[]): CelType {
  const [first = { kind: 'parameter', name: 'E' } as const, ...rest] = types;
  return rest.reduce<CelType>((type, next) => commonType(type, next) ?? dyn, first);
}

export interface MessageType {
  readonly name: string;
  /** The type of a field; undefined for one that the message has not. */
  field(name: string): CelType | undefined;
  /** What is wrong with a value of the type in the field, where its type alone does not say. */
  check?(field: string, type: CelType): string | undefined;
}

/** Messages are maps while they run; their names are checked, and gone. */
export function compileMessage(compiler: Compiler, node: SyntaxNode, scope: Scope): Part {
  const [name, given] = node.args as [string, [SyntaxNode, SyntaxNode][]];
  const message = compiler.messages(name);
  if (!message) return compiler.fail(node, `undeclared reference to '${name}' (in container '')`);
  const entries = given.map(([key, value]) => {
    const keyNode = key.op === optionalOp ? (key.args as SyntaxNode) : key;
    if (keyNode.op !== 'id') return compiler.fail(keyNode, `Syntax error: names of fields are no expressions`);
    const field = String(keyNode.args);
    const wanted = message.field(field);
    if (!wanted) return compiler.fail(keyNode, `undefined field '${field}'`);
    const part = compileValue(compiler, key, value, scope);
    if (!fits(wanted, part.type, new Map())) {
      const types = `expected type of field '${field}' is '${typeText(wanted)}' but provided type is '${typeText(part.type)}'`;
      return compiler.fail(keyNode, types);
    }
    const problem = message.check?.(field, part.type);
    if (problem !== undefined) return compiler.fail(keyNode, problem);
    return { field, part };
  });
  const fields = entries.map(
    ({ field, part }) => [escapedName(field) ?? field, { type: part.type, property: field }] as const,
  );
  const type: ObjectType = { kind: 'object', name: message.name, fields: new Map(fields) };
  return {
    type,
    run: mapRun(entries.map(({ field, part }) => [() => field, part.run])),
    cost: mapCost + totalCost(entries.map(({ part }) => part)),
    size: entries.length,
  };
}
