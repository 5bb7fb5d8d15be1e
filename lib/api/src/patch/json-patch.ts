/** JSON patch (RFC 6902) over JSON pointers (RFC 6901). */
import { copyJson, isJsonObject, type JsonObject, type JsonValue, sameJson, setOwn } from './json-value.ts';
import { PatchError } from './patch-error.ts';

/** Upstream's bound on operations in one patch; `copy` could otherwise grow a document without end. */
export const jsonPatchOperationsMax = 10_000;

/** Values that the copies of one patch may add up to. */
const copiedValuesMax = 100_000;

/** Items of lists that all operations of one patch may shift: what a list of 100,000 costs when 200 operations change its front. */
const shiftedItemsMax = 20_000_000;

interface Budget {
  values: number;
  shifts: number;
}

interface Root {
  document: JsonValue;
  readonly budget: Budget;
}

interface Operation {
  readonly op: string;
  readonly path: readonly string[];
  readonly from?: readonly string[];
  readonly value?: JsonValue;
  /** The pointer as it was given, for messages. */
  readonly text: string;
}

/** Applies all operations or none; `document` stays as it is. Throws `PatchError`. */
export function applyJsonPatch(document: JsonValue, patch: unknown): JsonValue {
  if (!Array.isArray(patch))
    throw new PatchError('malformed', 'error decoding patch: a JSON patch must be a list of operations');
  if (patch.length > jsonPatchOperationsMax) {
    const message = `The allowed maximum operations in a JSON patch is ${jsonPatchOperationsMax}, got ${patch.length}`;
    throw new PatchError('tooLarge', message);
  }
  const operations = patch.map(parseOperation);
  const root = { document: copyJson(document), budget: { values: copiedValuesMax, shifts: shiftedItemsMax } };
  for (const operation of operations) applyOperation(root, operation);
  return root.document;
}

function parseOperation(raw: unknown): Operation {
  if (!isJsonObject(raw)) throw new PatchError('malformed', 'error decoding patch: an operation must be an object');
  const { op, path, from } = raw;
  if (typeof op !== 'string' || !['add', 'remove', 'replace', 'move', 'copy', 'test'].includes(op)) {
    throw new PatchError('unprocessable', `Unexpected kind: ${String(op)}`);
  }
  if (typeof path !== 'string') throw new PatchError('malformed', `operation ${op} has no path`);
  const needsFrom = op === 'move' || op === 'copy';
  if (needsFrom && typeof from !== 'string')
    throw new PatchError('malformed', `operation ${op} at ${path} has no from`);
  const needsValue = op === 'add' || op === 'replace' || op === 'test';
  if (needsValue && !Object.hasOwn(raw, 'value'))
    throw new PatchError('malformed', `operation ${op} at ${path} has no value`);
  return {
    op,
    text: path,
    path: parsePointer(path),
    ...(needsFrom ? { from: parsePointer(String(from)) } : {}),
    ...(needsValue ? { value: raw.value as JsonValue } : {}),
  };
}

function parsePointer(text: string): string[] {
  if (text === '') return [];
  if (!text.startsWith('/')) throw new PatchError('malformed', `path ${JSON.stringify(text)} must start with /`);
  return text
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function applyOperation(root: Root, operation: Operation): void {
  const { op, path, from = [], value = null } = operation;
  switch (op) {
    case 'add':
      add(root, path, copyJson(value), operation);
      return;
    case 'remove':
      remove(root, path, operation);
      return;
    case 'replace':
      if (path.length > 0) remove(root, path, operation);
      add(root, path, copyJson(value), operation);
      return;
    case 'test':
      if (!sameJson(find(root, path, operation), value))
        throw new PatchError('unprocessable', `testing path ${operation.text} failed: test failed`);
      return;
    case 'copy': {
      const copied = copyJson(find(root, from, operation));
      root.budget.values -= countValues(copied);
      if (root.budget.values < 0)
        throw new PatchError('unprocessable', `the copies of this patch add more than ${copiedValuesMax} values`);
      add(root, path, copied, operation);
      return;
    }
    default: {
      const isInsideItself = path.length > from.length && from.every((part, index) => part === path[index]);
      if (isInsideItself) throw new PatchError('unprocessable', `cannot move a value into itself: ${operation.text}`);
      add(root, path, remove(root, from, operation), operation);
    }
  }
}

function find(root: Root, path: readonly string[], operation: Operation): JsonValue {
  let value: JsonValue = root.document;
  for (const part of path) value = child(value, part, operation);
  return value;
}

function child(container: JsonValue, part: string, operation: Operation): JsonValue {
  const found = Array.isArray(container)
    ? container[indexOf(part, container.length - 1, operation)]
    : isJsonObject(container) && Object.hasOwn(container, part)
      ? container[part]
      : undefined;
  if (found === undefined) throw missing(operation);
  return found;
}

function missing({ op, text }: Operation): PatchError {
  return new PatchError(
    'unprocessable',
    `${op} operation does not apply: doc is missing path: ${JSON.stringify(text)}: missing value`,
  );
}

function indexOf(part: string, highest: number, operation: Operation): number {
  if (!/^(0|[1-9]\d*)$/.test(part))
    throw new PatchError('unprocessable', `${operation.op} operation does not apply: ${part} is no index of a list`);
  const index = Number(part);
  if (index > highest)
    throw new PatchError('unprocessable', `${operation.op} operation does not apply: index ${part} is out of bounds`);
  return index;
}

function add(root: Root, path: readonly string[], value: JsonValue, operation: Operation): void {
  const last = path.at(-1);
  if (last === undefined) {
    root.document = value;
    return;
  }
  const container = find(root, path.slice(0, -1), operation);
  if (Array.isArray(container)) {
    const at = last === '-' ? container.length : indexOf(last, container.length, operation);
    payForShift(root, container.length - at);
    container.splice(at, 0, value);
  } else if (isJsonObject(container)) setOwn(container, last, value);
  else throw missing(operation);
}

function remove(root: Root, path: readonly string[], operation: Operation): JsonValue {
  const last = path.at(-1);
  if (last === undefined) throw new PatchError('unprocessable', 'the whole document cannot be removed');
  const container = find(root, path.slice(0, -1), operation);
  const removed = child(container, last, operation);
  if (Array.isArray(container)) {
    payForShift(root, container.length - Number(last));
    container.splice(Number(last), 1);
  } else delete (container as JsonObject)[last];
  return removed;
}

function payForShift({ budget }: Root, items: number): void {
  budget.shifts -= items;
  if (budget.shifts >= 0) return;
  throw new PatchError(
    'unprocessable',
    `the operations of this patch move more than ${shiftedItemsMax} items of lists`,
  );
}

function countValues(value: JsonValue): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + countValues(item), 1);
  if (!isJsonObject(value)) return 1;
  return Object.values(value).reduce<number>((sum, item) => sum + countValues(item), 1);
}
