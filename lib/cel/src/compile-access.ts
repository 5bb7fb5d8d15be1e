/** Fields, keys and indexes. */
import { dyn, type CelType, type FieldType, optionalOf, typeText } from './cel-type.ts';
import type { Compiler } from './compile.ts';
import { readerOf } from './from-json.ts';
import { type Frame, largestSize, type Part, type Run } from './part.ts';
import { escapedName } from './schema-type.ts';
import type { Scope } from './scope.ts';
import type { SyntaxNode } from './syntax.ts';
import { CelError, CelOptional, CelUint, fromJson, hasOwn, isPlainObject, mapGet, noneOptional } from './values.ts';

const accessCost = 1;

/** How one key is read: the value, or undefined when there is none. */
type Lookup = (container: unknown, frame: Frame) => unknown;

/** `a.b` and `a.?b` */
export function compileAccess(compiler: Compiler, node: SyntaxNode, scope: Scope): Part {
  const [operandNode, name, isQuoted = false] = node.args as [SyntaxNode, string, boolean?];
  // The dot, not the name behind it, is what messages point at.
  const at = { ...node, pos: node.pos - (node.op === '.?' ? 2 : 1) };
  const operand = compiler.compile(operandNode, scope);
  const { type, lookup } = fieldLookup(compiler, at, operand.type, fieldName(name), isQuoted);
  return accessPart(operand, type, lookup, { key: name, isOptional: node.op === '.?' });
}

/** `.?b` may have its name as a node. */
function fieldName(name: unknown): string {
  return typeof name === 'string' ? name : String((name as SyntaxNode).args);
}

/** A name in backticks is that of the property itself; others may be escaped ones. */
function fieldLookup(
  compiler: Compiler,
  node: SyntaxNode,
  operandType: CelType,
  name: string,
  isQuoted: boolean,
): { readonly type: CelType; readonly lookup: Lookup } {
  const container = operandType.kind === 'optional' ? operandType.of : operandType;
  switch (container.kind) {
    case 'object': {
      const field = container.fields.get(isQuoted ? (escapedName(name) ?? name) : name);
      if (!field) return compiler.fail(node, `undefined field '${name}'`);
      return { type: field.type, lookup: propertyLookup(field) };
    }
    case 'map':
      return { type: container.value, lookup: keyLookup(container.value, () => name) };
    case 'dyn':
    case 'parameter':
      return { type: dyn, lookup: keyLookup(dyn, () => name) };
    default:
      return compiler.fail(node, `type '${typeText(container)}' does not support field selection`);
  }
}

function propertyLookup({ type, property }: FieldType): Lookup {
  const read = readerOf(type);
  return (container, { meter }) => {
    // Messages that the expression has written itself are maps.
    if (container instanceof Map) return container.get(property);
    if (typeof container !== 'object' || container === null || !hasOwn(container, property)) return undefined;
    const value = (container as Record<string, unknown>)[property];
    return read && value !== null ? read(value, meter) : value;
  };
}

function keyLookup(type: CelType, key: (frame: Frame) => unknown): Lookup {
  const isUnknown = type.kind === 'dyn';
  return (container, frame) => {
    if (typeof container !== 'object' || container === null) throw new CelError('no such overload');
    if (!isPlainObject(container) && !(container instanceof Map)) throw new CelError('no such overload');
    const value = mapGet(container, key(frame));
    return isUnknown ? fromJson(value) : value;
  };
}

interface Access {
  readonly key: string | ((frame: Frame) => unknown);
  readonly isOptional: boolean;
}

/** A step on an optional value stays optional; none stays none. */
function accessPart(operand: Part, type: CelType, lookup: Lookup, { key, isOptional }: Access): Part {
  const fromOptional = operand.type.kind === 'optional';
  const cost = operand.cost + accessCost;
  const size = largestSize(type);
  if (!fromOptional && !isOptional) {
    const missing = typeof key === 'string' ? () => key : key;
    return { type, cost, size, run: required(operand.run, lookup, missing) };
  }
  const run = (frame: Frame) => {
    frame.meter.charge(accessCost);
    const value = operand.run(frame);
    const container = value instanceof CelOptional ? value.value : value;
    if (container === undefined) return noneOptional;
    const found = lookup(container, frame);
    return found === undefined ? noneOptional : new CelOptional(found);
  };
  return { type: type.kind === 'optional' ? type : optionalOf(type), cost, size, run };
}

function required(operand: Run, lookup: Lookup, key: (frame: Frame) => unknown): Run {
  return (frame) => {
    frame.meter.charge(accessCost);
    const value = lookup(operand(frame), frame);
    if (value === undefined) throw new CelError(`no such key: ${shown(key(frame))}`);
    return value;
  };
}

function shown(key: unknown): string {
  return key instanceof CelUint ? String(key.value) : String(key);
}

/** `a[b]` and `a[?b]` */
export function compileIndex(compiler: Compiler, node: SyntaxNode, scope: Scope): Part {
  const [operandNode, indexNode] = node.args as [SyntaxNode, SyntaxNode];
  const operand = compiler.compile(operandNode, scope);
  const index = compiler.compile(indexNode, scope);
  const container = operand.type.kind === 'optional' ? operand.type.of : operand.type;
  const isOptional = node.op === '[?]';
  const key = index.run;
  const withIndex = { ...operand, cost: operand.cost + index.cost };
  switch (container.kind) {
    case 'list':
      if (!isNumberLike(index.type)) refuseIndex(compiler, node, operand.type, index.type);
      return accessPart(withIndex, container.element, listLookup(container.element, key, isOptional), {
        key,
        isOptional,
      });
    case 'map':
      if (!fitsKey(container.key, index.type)) refuseIndex(compiler, node, operand.type, index.type);
      return accessPart(withIndex, container.value, keyLookup(container.value, key), { key, isOptional });
    case 'dyn':
    case 'parameter':
      return accessPart(withIndex, dyn, anyLookup(key, isOptional), { key, isOptional });
    default:
      return refuseIndex(compiler, node, operand.type, index.type);
  }
}

function refuseIndex(compiler: Compiler, node: SyntaxNode, operand: CelType, index: CelType): never {
  return compiler.fail(
    node,
    `found no matching overload for '_[_]' applied to '(${typeText(operand)}, ${typeText(index)})'`,
  );
}

function isNumberLike({ kind }: CelType): boolean {
  return kind === 'int' || kind === 'uint' || kind === 'double' || kind === 'dyn';
}

function fitsKey(key: CelType, index: CelType): boolean {
  return (
    key.kind === 'dyn' ||
    index.kind === 'dyn' ||
    key.kind === 'parameter' ||
    key.kind === index.kind ||
    (isNumberLike(key) && isNumberLike(index))
  );
}

function listLookup(element: CelType, key: Run, isOptional: boolean): Lookup {
  const isUnknown = element.kind === 'dyn';
  return (list, frame) => {
    if (!Array.isArray(list)) throw new CelError('no such overload');
    const index = positionOf(key(frame));
    if (index < 0 || index >= list.length) {
      if (isOptional) return undefined;
      throw new CelError(`index out of bounds: ${index}`);
    }
    return isUnknown ? fromJson(list[index]) : list[index];
  };
}

function positionOf(index: unknown): number {
  const position = index instanceof CelUint ? index.value : index;
  if (typeof position === 'bigint') return Number(position);
  if (typeof position === 'number' && Number.isInteger(position)) return position;
  throw new CelError(`unsupported index type: ${typeof index}`);
}

function anyLookup(key: Run, isOptional: boolean): Lookup {
  const inList = listLookup(dyn, key, isOptional);
  const inMap = keyLookup(dyn, key);
  return (container, frame) => (Array.isArray(container) ? inList(container, frame) : inMap(container, frame));
}

/** `has(a.b)` */
export function compileHas(compiler: Compiler, node: SyntaxNode, scope: Scope): Part {
  const [operandNode, name, isQuoted = false] = node.args as [SyntaxNode, string, boolean?];
  const operand = compiler.compile(operandNode, scope);
  const { lookup } = fieldLookup(compiler, { ...node, pos: node.pos - 1 }, operand.type, fieldName(name), isQuoted);
  const run = (frame: Frame) => {
    frame.meter.charge(accessCost);
    const value = operand.run(frame);
    const container = value instanceof CelOptional ? value.value : value;
    return container !== undefined && lookup(container, frame) !== undefined;
  };
  return { type: { kind: 'bool' }, run, cost: operand.cost + accessCost, size: 1 };
}
