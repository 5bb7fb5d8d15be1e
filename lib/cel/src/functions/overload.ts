import {
  bool,
  bytes,
  type CelType,
  double,
  duration,
  dyn,
  int,
  listOf,
  mapOf,
  nullType,
  opaque,
  optionalOf,
  string,
  timestamp,
  typeType,
  uint,
} from '../cel-type.ts';
import type { CostMeter } from '../cost-meter.ts';

/** One signature of a function and what it does. */
export interface Overload {
  /** `size`, `_+_`, `sets.contains`. */
  readonly name: string;
  /** Called on its first argument: `x.f(y)`. */
  readonly isMember: boolean;
  readonly parameters: readonly CelType[];
  readonly result: CelType;
  readonly run: (args: readonly never[], meter: CostMeter) => unknown;
  readonly cost: Cost;
}

export interface Cost {
  /** By the sizes of the arguments. While running they are the true ones, before that the largest possible. */
  readonly of?: (sizes: readonly number[]) => number;
  /**
   * Counted while running alone. What is one step upstream and a walk here (the size of a string or a map) must not make an expression
   * too expensive that upstream takes.
   */
  readonly isOnlyMeasured?: true;
  /**
   * What a call takes here beside what upstream counts, in the same units: counted while running alone, so that a unit is never much more
   * than 60 ns.
   */
  readonly work?: number;
  /** The largest size of the result; without it that of an unknown value. */
  readonly resultSize?: (sizes: readonly number[]) => number;
}

/** What going through a string costs for one character. */
export const perCharacter = 0.1;

/**
 * A signature as text, with its implementation: `string.indexOf(string, int): int` is called on a string, `size(list<A>): int` is not.
 * The names in it: those of types, `IP`, `CIDR`, `URL`, `Quantity`, `Format`, and single letters for any type.
 */
export function overload<A extends readonly unknown[]>(
  signature: string,
  run: (args: A, meter: CostMeter) => unknown,
  cost: Cost = {},
): Overload {
  const open = signature.indexOf('(');
  const close = signature.lastIndexOf('): ');
  const head = signature.slice(0, open);
  const parameters = splitTopLevel(signature.slice(open + 1, close)).map(parseType);
  const result = parseType(signature.slice(close + 3));
  const dot = head.lastIndexOf('.');
  const receiver = dot === -1 ? undefined : receiverType(head.slice(0, dot));
  const typed = { result, run: run as unknown as Overload['run'], cost };
  if (!receiver) return { name: head, isMember: false, parameters, ...typed };
  return { name: head.slice(dot + 1), isMember: true, parameters: [receiver, ...parameters], ...typed };
}

/** Namespaces look like receivers: `sets.contains(...)`. They are lower case and no types. */
function receiverType(text: string): CelType | undefined {
  return namespaces.has(text) ? undefined : parseType(text);
}

export const namespaces: ReadonlySet<string> = new Set([
  'sets',
  'optional',
  'strings',
  'ip',
  'format',
  'cel',
  'math',
  'jsonpatch',
  'lists',
]);

const plainTypes: Readonly<Record<string, CelType>> = {
  dyn,
  bool,
  int,
  uint,
  double,
  string,
  bytes,
  null: nullType,
  timestamp,
  duration,
  type: typeType,
  IP: opaque('net.IP'),
  CIDR: opaque('net.CIDR'),
  URL: opaque('kubernetes.URL'),
  Quantity: opaque('kubernetes.Quantity'),
  Format: opaque('kubernetes.NamedFormat'),
  Semver: opaque('kubernetes.Semver'),
};

function parseType(text: string): CelType {
  const trimmed = text.trim();
  const plain = plainTypes[trimmed];
  if (plain) return plain;
  if (/^[A-Z]$/.test(trimmed)) return { kind: 'parameter', name: trimmed };
  const open = trimmed.indexOf('<');
  const inner = splitTopLevel(trimmed.slice(open + 1, -1)).map(parseType);
  const [first = dyn, second = dyn] = inner;
  switch (trimmed.slice(0, open)) {
    case 'list':
      return listOf(first);
    case 'map':
      return mapOf(first, second);
    case 'optional':
      return optionalOf(first);
    default:
      throw new Error(`no type ${trimmed}`);
  }
}

function splitTopLevel(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '<') depth++;
    else if (text[i] === '>') depth--;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  const last = text.slice(from);
  return last.trim() === '' ? parts : [...parts, last];
}
