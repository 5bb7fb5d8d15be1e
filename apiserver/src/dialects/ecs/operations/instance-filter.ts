/** The cluster query language of ECS over container instances: `filter` of ListContainerInstances. Pure. */
import { type Operator, parseExpression, type QueryExpression, QueryError } from '@slipway/api/ecs/query-expression';
import { matchesAnywhere, patternProblem } from '@slipway/cel/regex';
import { invalidParameter } from '../wire/ecs-error.ts';

/** What an expression may ask of an instance. */
export interface InstanceFacts {
  readonly attributes: ReadonlyMap<string, string>;
  readonly agentConnected: boolean;
  readonly agentVersion: string | undefined;
  readonly ec2InstanceId: string;
  /** RFC 3339. */
  readonly registeredAt: string | undefined;
  readonly runningTasksCount: number;
  /** Groups of the tasks on it that have not stopped. */
  readonly taskGroups: ReadonlySet<string>;
}

/** Throws EcsError InvalidParameterException for what is no expression. */
export function instanceFilter(text: string): (facts: InstanceFacts) => boolean {
  try {
    return compile(parseExpression(text));
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw invalidParameter(`Invalid filter: ${error.message}.`);
  }
}

type Predicate = (facts: InstanceFacts) => boolean;

function compile(expression: QueryExpression): Predicate {
  switch (expression.op) {
    case 'not': {
      const holds = compile(expression.part);
      return (facts) => !holds(facts);
    }
    case 'and': {
      const parts = expression.parts.map(compile);
      return (facts) => parts.every((holds) => holds(facts));
    }
    case 'or': {
      const parts = expression.parts.map(compile);
      return (facts) => parts.some((holds) => holds(facts));
    }
    case 'test': {
      const { subject, operator, values } = expression;
      const holds = comparison(subject, operator, values);
      return (facts) => holds(valuesOf(subject, facts));
    }
  }
}

/** Of a subject: one value, none, or those of all its tasks. */
function valuesOf(subject: string, facts: InstanceFacts): readonly string[] {
  if (subject === 'task:group') return [...facts.taskGroups];
  const value = subject.startsWith('attribute:')
    ? facts.attributes.get(subject.slice('attribute:'.length))
    : fieldOf(subject, facts);
  return value === undefined ? [] : [value];
}

function fieldOf(subject: string, facts: InstanceFacts): string | undefined {
  switch (subject) {
    case 'agentConnected':
      return String(facts.agentConnected);
    case 'agentVersion':
      return facts.agentVersion;
    case 'ec2InstanceId':
      return facts.ec2InstanceId;
    case 'registeredAt':
      return facts.registeredAt;
    default:
      return String(facts.runningTasksCount);
  }
}

/** What is not there equals nothing, so it is unequal to everything. */
function comparison(
  subject: string,
  operator: Operator,
  values: readonly string[],
): (found: readonly string[]) => boolean {
  const [value = ''] = values;
  const order = orderOf(subject, value);
  const isOneOf = (found: readonly string[]) =>
    found.some((each) => values.some((wanted) => order(each, wanted) === 0));
  const isInOrder = (holds: (difference: number) => boolean) => (found: readonly string[]) =>
    found.some((each) => holds(order(each, value)));
  switch (operator) {
    case 'exists':
      return (found) => found.length > 0;
    case 'not_exists':
      return (found) => found.length === 0;
    case 'equals':
    case 'in':
      return isOneOf;
    case 'not_equals':
    case 'not_in':
      return (found) => !isOneOf(found);
    case 'greater_than':
      return isInOrder((difference) => difference > 0);
    case 'greater_than_equal':
      return isInOrder((difference) => difference >= 0);
    case 'less_than':
      return isInOrder((difference) => difference < 0);
    case 'less_than_equal':
      return isInOrder((difference) => difference <= 0);
    case 'matches':
    case 'not_matches': {
      const problem = patternProblem(value);
      if (problem !== undefined) throw new QueryError(`"${value}" is no pattern: ${problem}`);
      // Of the whole value, and in time that grows with its length: the pattern is a stranger's.
      const whole = `^(?:${value})$`;
      return (found) => found.some((each) => matchesAnywhere(whole, each)) === (operator === 'matches');
    }
  }
}

/** How values of a subject compare: negative, 0, positive, or NaN where they do not. */
function orderOf(subject: string, wanted: string): (one: string, other: string) => number {
  if (subject === 'registeredAt') {
    if (Number.isNaN(timeOf(wanted))) throw new QueryError(`"${wanted}" is no date`);
    return (one, other) => timeOf(one) - timeOf(other);
  }
  if (subject === 'runningTasksCount' && !/^\d+$/.test(wanted)) throw new QueryError(`"${wanted}" is no whole number`);
  if (subject === 'agentVersion') return (one, other) => versionOrder(one, other);
  return (one, other) => (one === other ? 0 : Number(one) - Number(other));
}

/** A time without a zone is one of UTC. */
function timeOf(text: string): number {
  return Date.parse(/^\d{4}-\d\d-\d\dT[\d:.]+$/.test(text) ? `${text}Z` : text);
}

/** `v1.36.0-x` as 1, 36, 0. */
function versionOrder(one: string, other: string): number {
  const numbers = (version: string) => (version.match(/^v?(\d+(?:\.\d+)*)/)?.[1] ?? '').split('.').map(Number);
  const [left, right] = [numbers(one), numbers(other)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
