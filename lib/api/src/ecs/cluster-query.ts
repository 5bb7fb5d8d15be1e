/**
 * The cluster query language of `memberOf` constraints, as requirements on labels of nodes: what a scheduler of Kubernetes can be told.
 * Attributes and ec2InstanceId are; tasks of a group, patterns and what changes by itself are not.
 */
import type { NodeSelectorTerm } from '../types.ts';
import { parseExpression, type QueryExpression, QueryError, type QueryTest } from './query-expression.ts';

/** Alternatives of which one must hold, each a list of requirements that must all hold. */
export type Query = readonly NodeSelectorTerm[];

type Requirement = NonNullable<NodeSelectorTerm['matchExpressions']>[number];
interface Test extends Requirement {
  readonly isField: boolean;
}

const nodeNameField = 'metadata.name';
/** Attributes that ECS gives to each instance, by the label of Kubernetes that says the same. */
const labelOfAttribute: Readonly<Record<string, string>> = {
  'ecs.availability-zone': 'topology.kubernetes.io/zone',
  'ecs.instance-type': 'node.kubernetes.io/instance-type',
  'ecs.os-type': 'kubernetes.io/os',
  'ecs.cpu-architecture': 'kubernetes.io/arch',
};
/** `x86_64` to ECS is `amd64` to Kubernetes. */
const architectures: Readonly<Record<string, string>> = { x86_64: 'amd64' };
/** Custom attributes of a ContainerInstance are labels of its node under this prefix. */
export const attributeLabelPrefix = 'attribute.ecs.slipway.dev/';
const termsMax = 64;

export function labelOf(attribute: string): string {
  return (
    (Object.hasOwn(labelOfAttribute, attribute) ? labelOfAttribute[attribute] : undefined) ??
    `${attributeLabelPrefix}${attribute}`
  );
}

/** Throws `QueryError`. */
export function parseQuery(text: string): Query {
  const terms = alternatives(parseExpression(text), false);
  return terms.map((tests) => {
    const matchFields = tests.filter(({ isField }) => isField).map(requirementOf);
    const matchExpressions = tests.filter(({ isField }) => !isField).map(requirementOf);
    return { ...(matchExpressions.length ? { matchExpressions } : {}), ...(matchFields.length ? { matchFields } : {}) };
  });
}

function requirementOf({ isField: _, ...requirement }: Test): Requirement {
  return requirement;
}

/** Both must hold: each alternative of one with each of the other. */
export function bothQueries(a: Query, b: Query): Query {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  return a.flatMap((one) =>
    b.map((other) => ({
      ...joined('matchExpressions', one, other),
      ...joined('matchFields', one, other),
    })),
  );
}

function joined(key: 'matchExpressions' | 'matchFields', one: NodeSelectorTerm, other: NodeSelectorTerm) {
  const list = [...(one[key] ?? []), ...(other[key] ?? [])];
  return list.length > 0 ? { [key]: list } : {};
}

const opposites: Readonly<Record<string, string>> = {
  In: 'NotIn',
  NotIn: 'In',
  Exists: 'DoesNotExist',
  DoesNotExist: 'Exists',
};

/** Disjunctive form; `isNegated` turns `and` into `or` on the way. */
function alternatives(expression: QueryExpression, isNegated: boolean): Test[][] {
  switch (expression.op) {
    case 'not':
      return alternatives(expression.part, !isNegated);
    case 'test': {
      const test = requirement(expression);
      return isNegated ? negated(test) : [[test]];
    }
    default: {
      const parts = expression.parts.map((part) => alternatives(part, isNegated));
      if ((expression.op === 'or') !== isNegated) return bounded(parts.flat());
      const empty: Test[][] = [[]];
      return parts.reduce((all, part) => bounded(all.flatMap((one) => part.map((other) => [...one, ...other]))), empty);
    }
  }
}

/** On the way, not only at the end: alternatives multiply. */
function bounded(terms: Test[][]): Test[][] {
  if (terms.length > termsMax) throw new QueryError(`the expression has more than ${termsMax} alternatives`);
  return terms;
}

/** What is not greater is smaller, or equal, or not there. */
function negated(test: Test): Test[][] {
  const { operator, values } = test;
  const opposite = opposites[operator];
  if (opposite) return [[{ ...test, operator: opposite }]];
  const [value = ''] = values ?? [];
  const bound = String(operator === 'Gt' ? Number(value) + 1 : Number(value) - 1);
  const { values: _, ...rest } = test;
  return [
    [{ ...test, operator: operator === 'Gt' ? 'Lt' : 'Gt', values: [bound] }],
    [{ ...rest, operator: 'DoesNotExist' }],
  ];
}

function requirement({ subject, operator, values }: QueryTest): Test {
  const place = placeOf(subject);
  const test = (name: string, wanted?: readonly string[]): Test => ({
    ...place,
    operator: name,
    ...(wanted ? { values: wanted.map((value) => attributeValue(place.key, value)) } : {}),
  });
  const [value = ''] = values;
  switch (operator) {
    case 'exists':
      return test('Exists');
    case 'not_exists':
      return test('DoesNotExist');
    case 'equals':
    case 'in':
      return test('In', values);
    case 'not_equals':
    case 'not_in':
      return test('NotIn', values);
    case 'greater_than':
      return test('Gt', [wholeNumber(value, 0)]);
    case 'greater_than_equal':
      return test('Gt', [wholeNumber(value, -1)]);
    case 'less_than':
      return test('Lt', [wholeNumber(value, 0)]);
    case 'less_than_equal':
      return test('Lt', [wholeNumber(value, 1)]);
    default:
      throw new QueryError(`the operator "${operator}" is not served in placement constraints`);
  }
}

function wholeNumber(word: string, add: number): string {
  if (!/^-?\d{1,15}$/.test(word)) throw new QueryError(`"${word}" is no whole number`);
  return String(Number(word) + add);
}

function placeOf(subject: string): Pick<Test, 'key' | 'isField'> {
  if (subject.startsWith('attribute:')) return { key: labelOf(subject.slice('attribute:'.length)), isField: false };
  if (subject === 'ec2InstanceId') return { key: nodeNameField, isField: true };
  throw new QueryError(
    `"${subject}" is not served in placement constraints: there are attribute:NAME and ec2InstanceId`,
  );
}

function attributeValue(key: string, value: string): string {
  return key === labelOfAttribute['ecs.cpu-architecture'] ? (architectures[value] ?? value) : value;
}
