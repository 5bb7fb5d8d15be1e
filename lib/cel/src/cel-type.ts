/**
 * Types of the Common Expression Language, as the checker knows them. A type may carry bounds that come from a schema
 * (`max`, elements or characters): they change nothing about what fits where, but tell what an expression can cost at most.
 */
export type CelType =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'string' | 'bytes'; readonly max?: number }
  | {
      readonly kind: 'list';
      readonly element: CelType;
      readonly max?: number;
      /** `x-kubernetes-list-type`: sets and lists keyed by fields compare and add up in their own way. */
      readonly listType?: 'set' | 'map';
      readonly keys?: readonly string[];
    }
  | { readonly kind: 'map'; readonly key: CelType; readonly value: CelType; readonly max?: number }
  | { readonly kind: 'optional'; readonly of: CelType }
  | ObjectType
  /** Values of a library: `net.IP`, `net.CIDR`, `kubernetes.Quantity`, `kubernetes.URL`. */
  | { readonly kind: 'opaque'; readonly name: string }
  /** Stands for any one type in the signature of a function. */
  | { readonly kind: 'parameter'; readonly name: string };

type ScalarKind = 'dyn' | 'bool' | 'int' | 'uint' | 'double' | 'null' | 'timestamp' | 'duration' | 'type';

export interface ObjectType {
  readonly kind: 'object';
  /** Only for messages. */
  readonly name: string;
  readonly fields: ReadonlyMap<string, FieldType>;
}

export interface FieldType {
  readonly type: CelType;
  /** The name of the property in the object, where the name in expressions is an escaped one. */
  readonly property: string;
}

export const dyn: CelType = { kind: 'dyn' };
export const bool: CelType = { kind: 'bool' };
export const int: CelType = { kind: 'int' };
export const uint: CelType = { kind: 'uint' };
export const double: CelType = { kind: 'double' };
export const string: CelType = { kind: 'string' };
export const bytes: CelType = { kind: 'bytes' };
export const nullType: CelType = { kind: 'null' };
export const timestamp: CelType = { kind: 'timestamp' };
export const duration: CelType = { kind: 'duration' };
export const typeType: CelType = { kind: 'type' };

export function listOf(element: CelType, max?: number): CelType {
  return { kind: 'list', element, ...(max === undefined ? {} : { max }) };
}

export function mapOf(key: CelType, value: CelType, max?: number): CelType {
  return { kind: 'map', key, value, ...(max === undefined ? {} : { max }) };
}

export function optionalOf(of: CelType): CelType {
  return { kind: 'optional', of };
}

export function opaque(name: string): CelType {
  return { kind: 'opaque', name };
}

/** An object with the given fields; `dyn` fields are read without a check. */
export function objectOf(name: string, fields: Readonly<Record<string, CelType>>): ObjectType {
  const entries = Object.entries(fields).map(([field, type]) => [field, { type, property: field }] as const);
  return { kind: 'object', name, fields: new Map(entries) };
}

const shownNames: Readonly<Record<string, string>> = {
  null: 'null_type',
  timestamp: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
};

/** As upstream's messages show it: `list(string)`, `map(string, int)`. */
export function typeText(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list(${typeText(type.element)})`;
    case 'map':
      return `map(${typeText(type.key)}, ${typeText(type.value)})`;
    case 'optional':
      return `optional_type(${typeText(type.of)})`;
    case 'object':
    case 'opaque':
    case 'parameter':
      return type.name;
    default:
      return shownNames[type.kind] ?? type.kind;
  }
}

/** What type parameters stand for in one use of a signature. */
export type Substitution = Map<string, CelType>;

/** Whether a value of type `given` may stand where `wanted` is asked for; parameters are bound in passing. */
export function fits(wanted: CelType, given: CelType, bound: Substitution): boolean {
  if (wanted.kind === 'parameter') {
    const known = bound.get(wanted.name);
    if (known === undefined || (known.kind === 'dyn' && given.kind !== 'dyn')) {
      if (known === undefined) bound.set(wanted.name, given);
      return true;
    }
    return fits(known, given, bound) || fits(given, known, bound);
  }
  if (wanted.kind === 'dyn' || given.kind === 'dyn') return true;
  if (given.kind === 'parameter') return true;
  switch (wanted.kind) {
    case 'list':
      return given.kind === 'list' && fits(wanted.element, given.element, bound);
    case 'map':
      return given.kind === 'map' && fits(wanted.key, given.key, bound) && fits(wanted.value, given.value, bound);
    case 'optional':
      return given.kind === 'optional' && fits(wanted.of, given.of, bound);
    case 'object':
      return given.kind === 'object' && (given === wanted || given.name === wanted.name);
    case 'opaque':
      return given.kind === 'opaque' && given.name === wanted.name;
    default:
      return given.kind === wanted.kind;
  }
}

/** The type with its parameters replaced; what nothing bound is dyn. */
export function substitute(type: CelType, bound: Substitution): CelType {
  switch (type.kind) {
    case 'parameter':
      return bound.get(type.name) ?? dyn;
    case 'list':
      return { ...type, element: substitute(type.element, bound) };
    case 'map':
      return { ...type, key: substitute(type.key, bound), value: substitute(type.value, bound) };
    case 'optional':
      return { ...type, of: substitute(type.of, bound) };
    default:
      return type;
  }
}

/** The one type for both, dyn when they have none in common. Bounds are the larger ones. */
export function commonType(a: CelType, b: CelType): CelType | undefined {
  if (a === b) return a;
  if (a.kind === 'dyn' || b.kind === 'dyn') return dyn;
  if (a.kind === 'null' && isNullable(b)) return b;
  if (b.kind === 'null' && isNullable(a)) return a;
  if (!fits(a, b, new Map())) return undefined;
  if (a.kind === 'list' && b.kind === 'list') {
    return listOf(commonType(a.element, b.element) ?? dyn, larger(a.max, b.max));
  }
  if (a.kind === 'map' && b.kind === 'map') {
    return mapOf(commonType(a.key, b.key) ?? dyn, commonType(a.value, b.value) ?? dyn, larger(a.max, b.max));
  }
  if (a.kind === 'optional' && b.kind === 'optional') return optionalOf(commonType(a.of, b.of) ?? dyn);
  if ((a.kind === 'string' || a.kind === 'bytes') && (b.kind === 'string' || b.kind === 'bytes')) {
    const max = larger(a.max, b.max);
    return max === undefined ? { kind: a.kind } : { kind: a.kind, max };
  }
  return a;
}

function isNullable({ kind }: CelType): boolean {
  return kind === 'object' || kind === 'opaque' || kind === 'timestamp' || kind === 'duration' || kind === 'optional';
}

function larger(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b);
}
