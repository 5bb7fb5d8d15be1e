/** Strings: the standard functions, the strings extension, and regular expressions. Positions count code points. */
import { findMatches, matchesAnywhere } from '../regex.ts';
import { CelError } from '../values.ts';
import { overload, perCharacter, type Cost, type Overload } from './overload.ts';

const surrogate = /[\ud800-\udfff]/;

/** The code points; the string itself where each is one unit. */
function points(text: string): string | readonly string[] {
  return surrogate.test(text) ? [...text] : text;
}

export function stringSize(text: string): bigint {
  return BigInt(points(text).length);
}

function slice(text: string | readonly string[], from: number, to: number): string {
  return typeof text === 'string' ? text.slice(from, to) : text.slice(from, to).join('');
}

/** A pass over a text that makes another one. */
const passWork = 4;
const regexWork = 25;
const walk: Cost = {
  of: ([size = 0]) => size * perCharacter,
  resultSize: ([size = 0]) => size,
  work: passWork,
};
const measuredWalk: Cost = { ...walk, isOnlyMeasured: true };
const walkBoth: Cost = { of: ([size = 0, other = 0]) => (size + other) * perCharacter, work: passWork };
const search: Cost = {
  of: ([size = 0, other = 0]) => Math.max(size * perCharacter, 1) * Math.max(other * perCharacter, 1),
};
/** As upstream: the text's length by a part of the pattern's. */
const regex: Cost = {
  of: ([size = 0, pattern = 0]) => (size + 1) * perCharacter * Math.max(pattern * 0.25, 1),
  work: regexWork,
};
const regexParts: Cost = { ...regex, resultSize: ([size = 0]) => size };

function indexOf(text: string, part: string, from: bigint): bigint {
  const all = points(text);
  if (from < 0n || from > BigInt(all.length)) throw new CelError(`index out of range: ${from}`);
  if (typeof all === 'string') return BigInt(all.indexOf(part, Number(from)));
  const at = slice(all, Number(from), all.length).indexOf(part);
  if (at === -1) return -1n;
  return from + stringSize(slice(all, Number(from), all.length).slice(0, at));
}

function lastIndexOf(text: string, part: string, from: bigint | undefined): bigint {
  const all = points(text);
  if (from !== undefined && (from < 0n || from > BigInt(all.length))) throw new CelError(`index out of range: ${from}`);
  const before = from === undefined ? text.length : slice(all, 0, Number(from)).length;
  const at = text.lastIndexOf(part, before);
  return at === -1 ? -1n : stringSize(text.slice(0, at));
}

function substring(text: string, from: bigint, to: bigint | undefined): string {
  const all = points(text);
  const end = to ?? BigInt(all.length);
  if (from < 0n || from > BigInt(all.length)) throw new CelError(`index out of range: ${from}`);
  if (end < 0n || end > BigInt(all.length)) throw new CelError(`index out of range: ${end}`);
  if (from > end) throw new CelError(`invalid substring range. start: ${from}, end: ${end}`);
  return slice(all, Number(from), Number(end));
}

function charAt(text: string, index: bigint): string {
  const all = points(text);
  if (index < 0n || index > BigInt(all.length)) throw new CelError(`index out of range: ${index}`);
  return all[Number(index)] ?? '';
}

function split(text: string, separator: string, limit: bigint): string[] {
  if (limit === 0n) return [];
  const parts = separator === '' ? [...text] : text.split(separator);
  if (limit < 0n || BigInt(parts.length) <= limit) return parts;
  const head = parts.slice(0, Number(limit) - 1);
  return [...head, parts.slice(Number(limit) - 1).join(separator)];
}

/** What replacing may make of a string at most. */
const replaced: Cost = {
  of: ([size = 0, , by = 0]) => (size + 1) * Math.max(by, 1) * perCharacter,
  resultSize: ([size = 0, , by = 0]) => (size + 1) * Math.max(by, 1),
};

function replace(text: string, part: string, by: string, limit: bigint): string {
  if (limit < 0n) return text.replaceAll(part, () => by);
  let left = limit;
  return text.replaceAll(part, (found) => (left-- > 0n ? by : found));
}

/** Go's unicode.IsSpace differs from JavaScript's only in the byte order mark, which it keeps. */
function trim(text: string): string {
  return text.replace(/^[\t\n\v\f\r\u0085\p{Z}]+|[\t\n\v\f\r\u0085\p{Z}]+$/gu, '');
}

const quoteEscapes: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

export function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones with names
  return `"${text.replace(/[\u0007\b\f\n\r\t\v\\"]/g, (found) => quoteEscapes[found] ?? found)}"`;
}

const joined: Cost = {
  of: ([size = 0]) => size,
  resultSize: () => Number.POSITIVE_INFINITY,
};

export const stringOverloads: readonly Overload[] = [
  overload<[string]>('size(string): int', ([text]) => stringSize(text), measuredWalk),
  overload<[string]>('string.size(): int', ([text]) => stringSize(text), measuredWalk),
  overload<[string, string]>('string.contains(string): bool', ([text, part]) => text.includes(part), search),
  overload<[string, string]>('string.startsWith(string): bool', ([text, part]) => text.startsWith(part), {
    of: ([, part = 0]) => part * perCharacter,
  }),
  overload<[string, string]>('string.endsWith(string): bool', ([text, part]) => text.endsWith(part), {
    of: ([, part = 0]) => part * perCharacter,
  }),
  overload<[string, string]>(
    'string.matches(string): bool',
    ([text, pattern]) => matchesAnywhere(pattern, text),
    regex,
  ),
  overload<[string, string]>(
    'matches(string, string): bool',
    ([text, pattern]) => matchesAnywhere(pattern, text),
    regex,
  ),
  overload<[string, string]>(
    'string.find(string): string',
    ([text, pattern]) => findMatches(pattern, text, 1)[0] ?? '',
    regexParts,
  ),
  overload<[string, string]>(
    'string.findAll(string): list<string>',
    ([text, pattern]) => findMatches(pattern, text, Number.POSITIVE_INFINITY),
    regexParts,
  ),
  overload<[string, string, bigint]>(
    'string.findAll(string, int): list<string>',
    ([text, pattern, limit]) => findMatches(pattern, text, limit < 0n ? Number.POSITIVE_INFINITY : Number(limit)),
    regexParts,
  ),
  overload<[string, bigint]>('string.charAt(int): string', ([text, index]) => charAt(text, index), {
    of: ([size = 0]) => size * perCharacter,
    resultSize: () => 1,
  }),
  overload<[string, string]>('string.indexOf(string): int', ([text, part]) => indexOf(text, part, 0n), search),
  overload<[string, string, bigint]>(
    'string.indexOf(string, int): int',
    ([text, part, from]) => indexOf(text, part, from),
    search,
  ),
  overload<[string, string]>(
    'string.lastIndexOf(string): int',
    ([text, part]) => lastIndexOf(text, part, undefined),
    search,
  ),
  overload<[string, string, bigint]>(
    'string.lastIndexOf(string, int): int',
    ([text, part, from]) => lastIndexOf(text, part, from),
    search,
  ),
  overload<[string]>(
    'string.lowerAscii(): string',
    ([text]) => text.replace(/[A-Z]+/g, (found) => found.toLowerCase()),
    walk,
  ),
  overload<[string]>(
    'string.upperAscii(): string',
    ([text]) => text.replace(/[a-z]+/g, (found) => found.toUpperCase()),
    walk,
  ),
  overload<[string, string, string]>(
    'string.replace(string, string): string',
    ([text, part, by]) => replace(text, part, by, -1n),
    replaced,
  ),
  overload<[string, string, string, bigint]>(
    'string.replace(string, string, int): string',
    ([text, part, by, limit]) => replace(text, part, by, limit),
    replaced,
  ),
  overload<[string, string]>(
    'string.split(string): list<string>',
    ([text, separator]) => split(text, separator, -1n),
    walk,
  ),
  overload<[string, string, bigint]>(
    'string.split(string, int): list<string>',
    ([text, separator, limit]) => split(text, separator, limit),
    walk,
  ),
  overload<[string, bigint]>('string.substring(int): string', ([text, from]) => substring(text, from, undefined), walk),
  overload<[string, bigint, bigint]>(
    'string.substring(int, int): string',
    ([text, from, to]) => substring(text, from, to),
    walk,
  ),
  overload<[string]>('string.trim(): string', ([text]) => trim(text), walk),
  overload<[string]>('string.reverse(): string', ([text]) => [...text].reverse().join(''), walk),
  overload<[string]>('strings.quote(string): string', ([text]) => quote(text), {
    of: ([size = 0]) => size * perCharacter,
    resultSize: ([size = 0]) => size * 2 + 2,
  }),
  overload<[readonly string[]]>(
    'list<string>.join(): string',
    ([parts], meter) => join(parts, '', meter.charge.bind(meter)),
    joined,
  ),
  overload<[readonly string[], string]>(
    'list<string>.join(string): string',
    ([parts, separator], meter) => join(parts, separator, meter.charge.bind(meter)),
    joined,
  ),
  overload<[string, string]>('_+_(string, string): string', ([a, b]) => a + b, {
    of: walkBoth.of ?? (() => 0),
    resultSize: ([a = 0, b = 0]) => a + b,
  }),
];

function join(parts: readonly string[], separator: string, charge: (cost: number) => void): string {
  let length = 0;
  for (const part of parts) {
    if (typeof part !== 'string') throw new CelError('no such overload');
    length += part.length + separator.length;
  }
  charge(length * perCharacter);
  return parts.join(separator);
}
