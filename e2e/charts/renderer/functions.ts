/**
 * The functions that templates may use: the part of Go's, Sprig's and Helm's that the charts need, with their meaning and the order of their arguments.
 * As in Go, a number out of the values (JavaScript's number) is not comparable with one that is written in a template or made by `int` (a bigint).
 */
import { stringify } from 'yaml';
import { TemplateError } from './template-error.ts';

export type TemplateFunction = (...args: readonly unknown[]) => unknown;

export const functions: Readonly<Record<string, TemplateFunction>> = {
  and: (...args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1),
  or: (...args) => args.find(isTrue) ?? args.at(-1),
  not: (arg) => !isTrue(arg),
  eq: (first, ...others) => others.some((other) => isSame(first, other)),
  ne: (a, b) => !isSame(a, b),
  gt: (a, b) => int(a) > int(b),
  lt: (a, b) => int(a) < int(b),
  int: (value) => BigInt(typeof value === 'number' ? Math.trunc(value) : text(value)),
  len: (value) => BigInt(Array.isArray(value) ? value.length : Object.keys(map(value)).length),
  empty: (value) => !isTrue(value),
  default: (fallback, given) => (isTrue(given) ? given : fallback),
  required: (message, value) => {
    if (value === undefined || value === null || value === '') throw new TemplateError(text(message));
    return value;
  },
  fail: (message) => {
    throw new TemplateError(text(message));
  },
  ternary: (yes, no, condition) => (condition === true ? yes : no),
  quote: (value) => JSON.stringify(shown(value)),
  toYaml: (value) => stringify(plain(value), yamlStyle).replace(/\n$/, ''),
  indent: (width, value) => indented(text(value), int(width)),
  nindent: (width, value) => `\n${indented(text(value), int(width))}`,
  trunc: (length, value) => text(value).slice(0, Number(int(length))),
  trimSuffix: (suffix, value) =>
    text(value).endsWith(text(suffix)) ? text(value).slice(0, -text(suffix).length || undefined) : text(value),
  contains: (part, whole) => text(whole).includes(text(part)),
  replace: (from, to, value) => text(value).replaceAll(text(from), text(to)),
  join: (separator, values) => list(values).map(shown).join(text(separator)),
  has: (item, values) => list(values).some((each) => each === item),
  list: (...args) => args,
  printf: (format, ...args) => formatted(text(format), args),
};

/** As Helm writes YAML: keys in order, lists not indented, no line ever broken. */
const yamlStyle = { sortMapEntries: true, indentSeq: false, lineWidth: 0, aliasDuplicateObjects: false } as const;

/** Go's truth: nothing, zero and what is empty is false. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** From here on Go prints numbers out of the values as 1e+06. */
const numberMax = 1_000_000;

/** What an action puts into the text. Throws where Go would put something that nobody meant. */
export function shown(value: unknown): string {
  if (typeof value === 'number' && Math.abs(value) >= numberMax)
    throw new TemplateError(`${value} would be written as a power of ten; use int`);
  if (['string', 'boolean', 'number', 'bigint'].includes(typeof value)) return String(value);
  throw new TemplateError(
    `${value === undefined || value === null ? 'nothing' : JSON.stringify(value)} cannot be written; use toYaml`,
  );
}

function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== typeof b || typeof a === 'object')
    throw new TemplateError(`${String(a)} and ${String(b)} are of types that Go does not compare`);
  return a === b;
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TemplateError(`${value === undefined ? 'nothing' : JSON.stringify(value)} is no string`);
}

function int(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  throw new TemplateError(`${String(value)} is no integer in Go's eyes; use int`);
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TemplateError(`${String(value)} is no list`);
}

function map(value: unknown): object {
  if (typeof value === 'object' && value !== null) return value;
  throw new TemplateError(`${String(value)} is no map`);
}

function plain(value: unknown): unknown {
  if (value === undefined) throw new TemplateError('toYaml of nothing');
  return value;
}

/** Every line, empty ones too. */
function indented(value: string, width: bigint): string {
  const space = ' '.repeat(Number(width));
  return space + value.replaceAll('\n', `\n${space}`);
}

function formatted(format: string, args: readonly unknown[]): string {
  let next = 0;
  const made = format.replace(/%(.)/g, (_, verb: string) => {
    const arg = args[next++];
    if (verb === 's') return text(arg);
    if (verb === 'd') return String(int(arg));
    if (verb === 'q') return JSON.stringify(text(arg));
    throw new TemplateError(`printf %${verb} is not supported`);
  });
  if (next !== args.length) throw new TemplateError(`printf ${JSON.stringify(format)} has ${args.length} arguments`);
  return made;
}
