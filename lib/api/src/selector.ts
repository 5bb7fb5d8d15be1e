/**
 * Label and field selectors, compiled once and asked often. Texts of errors are upstream's.
 *
 * A label selector is a list of requirements that must all hold. `!=` and `notin` hold for objects without the label too.
 */
import { quoted } from './validation/field-error.ts';
import { labelValueProblems, qualifiedNameProblems } from './names.ts';
import { parseRequirements, type Requirement, SelectorError, type SelectorOperator } from './selector-syntax.ts';
import type { LabelSelector } from './types.ts';

export { type Requirement, SelectorError, type SelectorOperator } from './selector-syntax.ts';

export type Labels = Readonly<Record<string, string>>;

export class LabelMatcher {
  readonly requirements: readonly Requirement[];
  readonly #checks: readonly ((labels: Labels) => boolean)[];
  readonly #nothing: boolean;

  /** Throws SelectorError when a requirement cannot be. */
  constructor(requirements: readonly Requirement[], nothing = false) {
    for (const requirement of requirements) refuseImpossible(requirement);
    this.requirements = requirements.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    this.#checks = this.requirements.map(compile);
    this.#nothing = nothing;
  }

  /** Every object matches. */
  get isEverything(): boolean {
    return this.#checks.length === 0 && !this.#nothing;
  }

  matches(labels: Labels | undefined): boolean {
    if (this.#nothing) return false;
    const present = labels ?? noLabels;
    for (const check of this.#checks) if (!check(present)) return false;
    return true;
  }

  /** The form that parseLabelSelector reads: `app=web,tier in (a,b),!old`. */
  toString(): string {
    return this.requirements.map(requirementText).join(',');
  }
}

const noLabels: Labels = Object.freeze({});
export const everything = new LabelMatcher([]);
export const nothing = new LabelMatcher([], true);

/** The `labelSelector` parameter of a request. Empty selects everything. Throws SelectorError. */
export function parseLabelSelector(text: string): LabelMatcher {
  if (text.trim() === '') return everything;
  try {
    return new LabelMatcher(parseRequirements(text));
  } catch (error) {
    if (error instanceof SelectorError) throw new SelectorError(`unable to parse requirement: ${error.message}`);
    throw error;
  }
}

/** A `metav1.LabelSelector`: none selects nothing, an empty one everything. Throws SelectorError. */
export function matcherOf(selector: LabelSelector | undefined): LabelMatcher {
  if (!selector) return nothing;
  const requirements = requirementsOf(selector.matchLabels ?? {});
  for (const { key = '', operator = '', values = [] } of selector.matchExpressions ?? []) {
    const known = objectOperators.get(operator);
    if (known === undefined) throw new SelectorError(`${quoted(operator)} is not a valid label selector operator`);
    requirements.push({ key, operator: known, values: values.toSorted() });
  }
  return requirements.length === 0 ? everything : new LabelMatcher(requirements);
}

/** A plain map, as Services and `nodeSelector` have: all labels must be equal. Does not check their form. */
export function matcherOfLabels(labels: Labels): LabelMatcher {
  return new LabelMatcher(requirementsOf(labels));
}

function requirementsOf(labels: Labels): Requirement[] {
  return Object.entries(labels).map(([key, value]) => ({ key, operator: '=', values: [value] }));
}

const objectOperators: ReadonlyMap<string, SelectorOperator> = new Map([
  ['In', 'in'],
  ['NotIn', 'notin'],
  ['Exists', 'exists'],
  ['DoesNotExist', '!'],
]);

function compile({ key, operator, values }: Requirement): (labels: Labels) => boolean {
  const [only = ''] = values;
  switch (operator) {
    case '=':
    case '==':
      return (labels) => labelValueOf(labels, key) === only;
    case '!=':
      return (labels) => labelValueOf(labels, key) !== only;
    case 'in':
      return values.length === 1 ? (labels) => labelValueOf(labels, key) === only : isIn(key, new Set(values), false);
    case 'notin':
      return isIn(key, new Set(values), true);
    case 'exists':
      return (labels) => labelValueOf(labels, key) !== undefined;
    case '!':
      return (labels) => labelValueOf(labels, key) === undefined;
    case 'gt':
      return (labels) => integerOf(labelValueOf(labels, key), (value) => value > BigInt(only));
    case 'lt':
      return (labels) => integerOf(labelValueOf(labels, key), (value) => value < BigInt(only));
  }
}

/** Labels come from JSON: `constructor` is no label unless it is the object's own. */
function labelValueOf(labels: Labels, key: string): string | undefined {
  const value = labels[key];
  return typeof value === 'string' ? value : undefined;
}

function isIn(key: string, values: ReadonlySet<string>, negated: boolean): (labels: Labels) => boolean {
  return (labels) => {
    const value = labelValueOf(labels, key);
    return (value !== undefined && values.has(value)) !== negated;
  };
}

const integer = /^[+-]?\d{1,19}$/;

function integerOf(text: string | undefined, holds: (value: bigint) => boolean): boolean {
  return text !== undefined && integer.test(text) && holds(BigInt(text));
}

function refuseImpossible({ key, operator, values }: Requirement): void {
  const problems: string[] = [];
  const ofKey = qualifiedNameProblems(key);
  if (ofKey.length > 0) problems.push(`key: Invalid value: ${quoted(key)}: ${ofKey.join('; ')}`);
  const ofCount = countProblem(operator, values);
  if (ofCount !== undefined) problems.push(`values: Invalid value: ${JSON.stringify(values)}: ${ofCount}`);
  for (const [i, value] of values.entries()) {
    if ((operator === 'gt' || operator === 'lt') && !integer.test(value)) {
      const detail = "for 'Gt', 'Lt' operators, the value must be an integer";
      problems.push(`values[${i}]: Invalid value: ${quoted(value)}: ${detail}`);
    }
    const ofValue = labelValueProblems(value);
    if (ofValue.length > 0) {
      problems.push(`values[${i}][${key}]: Invalid value: ${quoted(value)}: ${ofValue.join('; ')}`);
    }
  }
  const [first] = problems;
  if (first !== undefined) throw new SelectorError(problems.length === 1 ? first : `[${problems.join(', ')}]`);
}

function countProblem(operator: SelectorOperator, values: readonly string[]): string | undefined {
  switch (operator) {
    case 'in':
    case 'notin':
      return values.length === 0 ? "for 'in', 'notin' operators, values set can't be empty" : undefined;
    case 'exists':
    case '!':
      return values.length > 0 ? 'values set must be empty for exists and does not exist' : undefined;
    case 'gt':
    case 'lt':
      return values.length === 1 ? undefined : "for 'Gt', 'Lt' operators, exactly one value is required";
    default:
      return values.length === 1 ? undefined : 'exact-match compatibility requires one single value';
  }
}

function requirementText({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.join(',')})`;
    case 'gt':
      return `${key}>${values[0]}`;
    case 'lt':
      return `${key}<${values[0]}`;
    default:
      return `${key}${operator}${values[0]}`;
  }
}
