/**
 * A set of fields of an object, as a tree: each node may itself be in the set and have children. On the wire it is
 * FieldsV1: keys are path elements, `.` says that the node itself is in the set, an empty object is a leaf.
 *
 *   f:NAME    the field or map key NAME
 *   k:{...}   the item of a keyed list with these key fields, keys in order of their names
 *   v:VALUE   the item of a set
 *   i:INDEX   the item at an index
 *
 * Sets are immutable; operations share what is equal.
 */
export class FieldSet {
  readonly isMember: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;

  constructor(isMember: boolean, children: ReadonlyMap<string, FieldSet>) {
    this.isMember = isMember;
    this.children = children;
  }

  get isEmpty(): boolean {
    return !this.isMember && this.children.size === 0;
  }

  union(other: FieldSet): FieldSet {
    if (other.isEmpty || other === this) return this;
    if (this.isEmpty) return other;
    const children = new Map(this.children);
    for (const [element, child] of other.children) children.set(element, children.get(element)?.union(child) ?? child);
    return new FieldSet(this.isMember || other.isMember, children);
  }

  /** What is here and not there. A node that is in both goes; its children are compared one by one. */
  minus(other: FieldSet): FieldSet {
    if (other.isEmpty || this.isEmpty) return this;
    return this.#combined(other, this.isMember && !other.isMember, (own, theirs) => (theirs ? own.minus(theirs) : own));
  }

  intersection(other: FieldSet): FieldSet {
    return this.#combined(other, this.isMember && other.isMember, (own, theirs) =>
      theirs ? own.intersection(theirs) : emptySet,
    );
  }

  /** Like `minus`, but a member there takes everything below it along. */
  minusBelow(other: FieldSet): FieldSet {
    if (other.isMember) return emptySet;
    if (other.isEmpty || this.isEmpty) return this;
    return this.#combined(other, this.isMember, (own, theirs) => (theirs ? own.minusBelow(theirs) : own));
  }

  /** The same set with every node that has something below it counted as a member. */
  withParents(): FieldSet {
    const children = new Map<string, FieldSet>();
    for (const [element, child] of this.children) children.set(element, child.withParents());
    return new FieldSet(this.isMember || children.size > 0, children);
  }

  equals(other: FieldSet): boolean {
    if (this === other) return true;
    if (this.isMember !== other.isMember || this.children.size !== other.children.size) return false;
    for (const [element, child] of this.children) {
      const theirs = other.children.get(element);
      if (!theirs?.equals(child)) return false;
    }
    return true;
  }

  /** Paths of all members, each as its elements. */
  *paths(prefix: readonly string[] = []): Generator<readonly string[]> {
    if (this.isMember && prefix.length > 0) yield prefix;
    for (const [element, child] of this.children) yield* child.paths([...prefix, element]);
  }

  #combined(
    other: FieldSet,
    isMember: boolean,
    combine: (own: FieldSet, theirs: FieldSet | undefined) => FieldSet,
  ): FieldSet {
    const children = new Map<string, FieldSet>();
    for (const [element, child] of this.children) {
      const combined = combine(child, other.children.get(element));
      if (!combined.isEmpty) children.set(element, combined);
    }
    return new FieldSet(isMember, children);
  }
}

const noChildren: ReadonlyMap<string, FieldSet> = new Map();

export const emptySet = new FieldSet(false, noChildren);
export const leaf = new FieldSet(true, noChildren);

export function nodeOf(children: ReadonlyMap<string, FieldSet>, isMember = false): FieldSet {
  if (children.size === 0) return isMember ? leaf : emptySet;
  return new FieldSet(isMember, children);
}

/** The set of one path. */
export function pathSet(path: readonly string[]): FieldSet {
  return path.reduceRight<FieldSet>((below, element) => new FieldSet(false, new Map([[element, below]])), leaf);
}

export const fieldElement = (name: string) => `f:${name}`;

/** FieldsV1, as an object whose keys are in order. */
export type FieldsV1 = { readonly [element: string]: FieldsV1 };

export function encodeFields(set: FieldSet): FieldsV1 {
  const fields: Record<string, FieldsV1> = {};
  if (set.isMember && set.children.size > 0) fields['.'] = {};
  for (const element of [...set.children.keys()].sort())
    fields[element] = encodeFields(set.children.get(element) ?? emptySet);
  return fields;
}

/** Deeper than any object of the API; a hostile set cannot exhaust the stack. */
const depthMax = 64;

/**
 * Stored objects are frozen, and those of one kind share the fields of their managers: each status that a controller writes asks for the same
 * few sets.
 */
const decoded = new WeakMap<object, FieldSet>();

/** Throws `TypeError` for what is no FieldsV1. */
export function decodeFields(value: unknown): FieldSet {
  const known = typeof value === 'object' && value !== null ? decoded.get(value) : undefined;
  if (known) return known;
  const { children } = decodeNode(value, 0);
  const set = nodeOf(children);
  if (typeof value === 'object' && value !== null && isFrozenWhole(value)) decoded.set(value, set);
  return set;
}

function isFrozenWhole(value: object): boolean {
  return Object.isFrozen(value) && Object.values(value).every((below) => isFrozenWhole(below as object));
}

function decodeNode(value: unknown, depth: number): FieldSet {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('a field set must be an object');
  if (depth > depthMax) throw new TypeError('a field set is too deep');
  const children = new Map<string, FieldSet>();
  let isMember = false;
  for (const [element, below] of Object.entries(value)) {
    if (element === '.') isMember = true;
    else if (/^[fkvi]:/.test(element)) children.set(element, decodeNode(below, depth + 1));
    else throw new TypeError(`missing colon or unknown path element type: ${JSON.stringify(element)}`);
  }
  return new FieldSet(isMember || children.size === 0, children);
}
