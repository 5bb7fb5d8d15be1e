/**
 * The cluster query language of ECS, as a tree.
 *
 *     attribute:ecs.availability-zone in [a, b] and not(task:group == service:web)
 *
 * Source: Amazon ECS developer guide, "Create expressions to define container instances". Grammar:
 *
 *     or    = and { ("or" | "||") and }
 *     and   = unary { ("and" | "&&") unary }
 *     unary = ("not" | "!") unary | "(" or ")" | test
 *     test  = subject ("exists" | "!exists" | "not_exists" | OPERATOR argument)
 */

/** The expression is none. `message` names the place. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
}

export type Operator =
  | 'equals'
  | 'not_equals'
  | 'in'
  | 'not_in'
  | 'exists'
  | 'not_exists'
  | 'greater_than'
  | 'greater_than_equal'
  | 'less_than'
  | 'less_than_equal'
  | 'matches'
  | 'not_matches';

export interface QueryTest {
  /** `attribute:NAME`, `task:group`, or one of the fields of an instance. */
  readonly subject: string;
  readonly operator: Operator;
  /** One, but for `in` (at least one) and `exists` (none). */
  readonly values: readonly string[];
}

export type QueryExpression =
  | { readonly op: 'and' | 'or'; readonly parts: readonly QueryExpression[] }
  | { readonly op: 'not'; readonly part: QueryExpression }
  | ({ readonly op: 'test' } & QueryTest);

const equality = ['equals', 'not_equals'] as const;
const listed = [...equality, 'in', 'not_in', 'matches', 'not_matches'] as const;
const ordered = [...equality, 'greater_than', 'greater_than_equal', 'less_than', 'less_than_equal'] as const;

/** Fields of an instance beside its attributes → operators that they take. */
const fields: Readonly<Record<string, readonly Operator[]>> = {
  agentConnected: listed,
  agentVersion: ordered,
  ec2InstanceId: listed,
  registeredAt: ordered,
  runningTasksCount: ordered,
};

const operatorOfWord: Readonly<Record<string, Operator>> = {
  '==': 'equals',
  equals: 'equals',
  '!=': 'not_equals',
  not_equals: 'not_equals',
  in: 'in',
  '!in': 'not_in',
  not_in: 'not_in',
  exists: 'exists',
  '!exists': 'not_exists',
  not_exists: 'not_exists',
  '>': 'greater_than',
  greater_than: 'greater_than',
  '>=': 'greater_than_equal',
  greater_than_equal: 'greater_than_equal',
  '<': 'less_than',
  less_than: 'less_than',
  '<=': 'less_than_equal',
  less_than_equal: 'less_than_equal',
  '=~': 'matches',
  matches: 'matches',
  '!~': 'not_matches',
  not_matches: 'not_matches',
};

const expressionCharactersMax = 2_000;
/** Of brackets and negations in each other. */
const depthMax = 50;

/** Throws `QueryError`. */
export function parseExpression(text: string): QueryExpression {
  if (text.length > expressionCharactersMax) {
    throw new QueryError(`the expression has more than ${expressionCharactersMax} characters`);
  }
  return new Parser(tokensOf(text)).whole();
}

/** A pattern goes on to the next blank, with whatever brackets and marks are in it. */
const tokenPattern =
  /\s*(?:((?:=~|!~)|(?:not_)?matches\b)\s*(?:"([^"]*)"|(\S+?)(?=\)*(?:\s|$)))|(\(|\)|\[|\]|,|&&|\|\||!exists\b|!in\b|==|!=|>=|<=|>|<|!)|([^\s()[\],=!<>&|"]+)|"([^"]*)")/iy;

function tokensOf(text: string): readonly string[] {
  const tokens: string[] = [];
  tokenPattern.lastIndex = 0;
  const end = text.trimEnd().length;
  while (tokenPattern.lastIndex < end) {
    const at = tokenPattern.lastIndex;
    const found = tokenPattern.exec(text);
    if (!found) throw new QueryError(`"${text.slice(at).trim().slice(0, 40)}" is not understood`);
    const [, matches, quotedPattern, pattern, mark, word, quoted] = found;
    if (matches !== undefined) tokens.push(matches, quotedPattern ?? pattern ?? '');
    else tokens.push(mark ?? word ?? quoted ?? '');
  }
  return tokens;
}

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  whole(): QueryExpression {
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

  #list(op: 'and' | 'or', words: readonly string[], part: () => QueryExpression): QueryExpression {
    const parts = [part()];
    while (this.#isNext(...words)) {
      this.#next();
      parts.push(part());
    }
    const [only] = parts;
    return parts.length === 1 && only ? only : { op, parts };
  }

  #or(): QueryExpression {
    return this.#list('or', ['or', '||'], () => this.#and());
  }

  #and(): QueryExpression {
    return this.#list('and', ['and', '&&'], () => this.#unary());
  }

  #unary(): QueryExpression {
    if (++this.#depth > depthMax) throw new QueryError(`the expression is nested more than ${depthMax} deep`);
    const expression = this.#negationOrTest();
    this.#depth -= 1;
    return expression;
  }

  #negationOrTest(): QueryExpression {
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

  #test(): QueryExpression {
    const subject = this.#next();
    const word = this.#next();
    const operator = Object.hasOwn(operatorOfWord, word.toLowerCase()) ? operatorOfWord[word.toLowerCase()] : undefined;
    checkSubject(subject, operator);
    if (operator === undefined) throw new QueryError(`"${word}" is no operator`);
    return { op: 'test', subject, operator, values: this.#valuesOf(operator) };
  }

  #valuesOf(operator: Operator): readonly string[] {
    if (operator === 'exists' || operator === 'not_exists') return [];
    return operator === 'in' || operator === 'not_in' ? this.#values() : [this.#next()];
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

/** Throws `QueryError` for a subject that there is not, or one that does not take the operator. */
function checkSubject(subject: string, operator: Operator | undefined): void {
  if (/^attribute:./.test(subject) || subject === 'task:group') return;
  const operators = Object.hasOwn(fields, subject) ? fields[subject] : undefined;
  if (operators === undefined) {
    const names = Object.keys(fields).join(', ');
    throw new QueryError(`"${subject}" is no subject: there are attribute:NAME, task:group, ${names}`);
  }
  if (operator !== undefined && !operators.includes(operator)) {
    throw new QueryError(`${subject} does not take the operator "${operator}"`);
  }
}
