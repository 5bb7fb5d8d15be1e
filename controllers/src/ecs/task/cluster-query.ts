/**
 * The cluster query language of `memberOf` constraints, as requirements on labels of nodes.
 *
 *     attribute:ecs.availability-zone in [a, b] and not(attribute:stack == test)
 *     ec2InstanceId == node-1          agentVersion and the like are not served
 *
 * Source: Amazon ECS developer guide, "Create expressions to define container instances". Grammar:
 *
 *     or    = and { ("or" | "||") and }
 *     and   = unary { ("and" | "&&") unary }
 *     unary = ("not" | "!") unary | "(" or ")" | test
 *     test  = subject ("exists" | "!exists" | "not_exists" | OPERATOR argument)
 */
import type { NodeSelectorTerm } from '@slipway/api/types';

/** Alternatives of which one must hold, each a list of requirements that must all hold. */
export type Query = readonly NodeSelectorTerm[];

/** The expression is none. `message` names the place. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
}

type Requirement = NonNullable<NodeSelectorTerm['matchExpressions']>[number];
interface Test extends Requirement {
  readonly isField: boolean;
}
type Expression =
  | { readonly op: 'and' | 'or'; readonly parts: readonly Expression[] }
  | { readonly op: 'not'; readonly part: Expression }
  | { readonly op: 'test'; readonly test: Test };

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
  return labelOfAttribute[attribute] ?? `${attributeLabelPrefix}${attribute}`;
}

/** Throws `QueryError`. */
export function parseQuery(text: string): Query {
  const parser = new Parser(tokensOf(text));
  const terms = alternatives(parser.whole(), false);
  if (terms.length > termsMax) throw new QueryError(`the expression has more than ${termsMax} alternatives`);
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

function tokensOf(text: string): readonly string[] {
  const tokens = text.match(/\(|\)|\[|\]|,|&&|\|\||!exists|==|!=|>=|<=|=~|!~|>|<|!(?![=~e])|[^\s()[\],=!<>&|]+/g) ?? [];
  const rest = tokens.reduce((left, token) => left.replace(token, ''), text).trim();
  if (rest !== '') throw new QueryError(`"${rest}" is not understood`);
  return tokens;
}

const opposites: Readonly<Record<string, string>> = {
  In: 'NotIn',
  NotIn: 'In',
  Exists: 'DoesNotExist',
  DoesNotExist: 'Exists',
};

/** Disjunctive form; `isNegated` turns `and` into `or` on the way. */
function alternatives(expression: Expression, isNegated: boolean): Test[][] {
  switch (expression.op) {
    case 'not':
      return alternatives(expression.part, !isNegated);
    case 'test':
      return isNegated ? negated(expression.test) : [[expression.test]];
    default: {
      const parts = expression.parts.map((part) => alternatives(part, isNegated));
      if ((expression.op === 'or') !== isNegated) return parts.flat();
      return parts.reduce((all, part) => all.flatMap((one) => part.map((other) => [...one, ...other])), [
        [],
      ] as Test[][]);
    }
  }
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

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  whole(): Expression {
    const expression = this.#or();
    if (this.#peek() !== undefined) throw new QueryError(`"${this.#peek()}" was not expected`);
    return expression;
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new QueryError('the expression ends too early');
    return token;
  }

  #isNext(...words: readonly string[]): boolean {
    return words.includes(this.#peek()?.toLowerCase() ?? '');
  }

  #list(op: 'and' | 'or', words: readonly string[], part: () => Expression): Expression {
    const parts = [part()];
    while (this.#isNext(...words)) {
      this.#next();
      parts.push(part());
    }
    const [only] = parts;
    return parts.length === 1 && only ? only : { op, parts };
  }

  #or(): Expression {
    return this.#list('or', ['or', '||'], () => this.#and());
  }

  #and(): Expression {
    return this.#list('and', ['and', '&&'], () => this.#unary());
  }

  #unary(): Expression {
    if (this.#isNext('not', '!')) {
      this.#next();
      return { op: 'not', part: this.#unary() };
    }
    if (this.#isNext('(')) {
      this.#next();
      const inner = this.#or();
      this.#expect(')');
      return inner;
    }
    return this.#test();
  }

  #expect(token: string): void {
    const found = this.#next();
    if (found !== token) throw new QueryError(`"${token}" was expected before "${found}"`);
  }

  #test(): Expression {
    const subject = subjectOf(this.#next());
    const operator = this.#next().toLowerCase();
    const test = (name: string, values?: readonly string[]): Expression => ({
      op: 'test',
      test: {
        ...subject,
        operator: name,
        ...(values ? { values: values.map((value) => attributeValue(subject.key, value)) } : {}),
      },
    });
    switch (operator) {
      case 'exists':
        return test('Exists');
      case '!exists':
      case 'not_exists':
        return test('DoesNotExist');
      case '==':
      case 'equals':
        return test('In', [this.#next()]);
      case '!=':
      case 'not_equals':
        return test('NotIn', [this.#next()]);
      case 'in':
        return test('In', this.#values());
      case 'not_in':
      case '!in':
        return test('NotIn', this.#values());
      case '>':
      case 'greater_than':
        return test('Gt', [this.#number(0)]);
      case '>=':
      case 'greater_than_equal':
        return test('Gt', [this.#number(-1)]);
      case '<':
      case 'less_than':
        return test('Lt', [this.#number(0)]);
      case '<=':
      case 'less_than_equal':
        return test('Lt', [this.#number(1)]);
      default:
        throw new QueryError(`the operator "${operator}" is not served`);
    }
  }

  #number(add: number): string {
    const word = this.#next();
    if (!/^-?\d+$/.test(word)) throw new QueryError(`"${word}" is no whole number`);
    return String(Number(word) + add);
  }

  #values(): string[] {
    this.#expect('[');
    const values = [this.#next()];
    while (this.#isNext(',')) {
      this.#next();
      values.push(this.#next());
    }
    this.#expect(']');
    return values;
  }
}

function subjectOf(word: string): Pick<Test, 'key' | 'isField'> {
  if (word.startsWith('attribute:')) return { key: labelOf(word.slice('attribute:'.length)), isField: false };
  if (word === 'ec2InstanceId') return { key: nodeNameField, isField: true };
  throw new QueryError(`"${word}" is not served: there are attribute:NAME and ec2InstanceId`);
}

function attributeValue(key: string, value: string): string {
  return key === labelOfAttribute['ecs.cpu-architecture'] ? (architectures[value] ?? value) : value;
}
