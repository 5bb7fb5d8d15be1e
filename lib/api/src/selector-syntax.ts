/**
 * The text form of label selectors:
 *
 *   selector    = [ requirement { "," requirement } ]
 *   requirement = key | "!" key | key ( "=" | "==" | "!=" | ">" | "<" ) value | key ( "in" | "notin" ) "(" values ")"
 *
 * `in` and `notin` are words like any other where a key or a value is expected.
 */
export type SelectorOperator = 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt';

export interface Requirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  /** Sorted. One for `=`, `==`, `!=`, `gt`, `lt`; none for `exists`, `!`. */
  readonly values: readonly string[];
}

/** The selector cannot be understood. The message is upstream's, fit for a BadRequest. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

interface Token {
  readonly kind: 'word' | 'symbol' | 'end';
  readonly text: string;
}

const tokenShape = /\s*(?:([^\s=!()<>,]+)|(==|!=|[=!()<>,]))/y;
const end: Token = { kind: 'end', text: '' };

/** Throws SelectorError. Counts of values are not checked here. */
export function parseRequirements(text: string): Requirement[] {
  return new Parser(tokenise(text)).parse();
}

function tokenise(text: string): Token[] {
  const tokens: Token[] = [];
  tokenShape.lastIndex = 0;
  for (let match = tokenShape.exec(text); match; match = tokenShape.exec(text)) {
    const [, word, symbol] = match;
    tokens.push(word === undefined ? { kind: 'symbol', text: symbol ?? '' } : { kind: 'word', text: word });
  }
  return tokens;
}

const operators: ReadonlyMap<string, SelectorOperator> = new Map([
  ['in', 'in'],
  ['notin', 'notin'],
  ['=', '='],
  ['==', '=='],
  ['!=', '!='],
  ['>', 'gt'],
  ['<', 'lt'],
]);

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    if (this.#peek() === end) return requirements;
    if (!this.#atRequirement()) this.#fail(", expected: !, identifier, or 'end of string'");
    for (;;) {
      requirements.push(this.#requirement());
      if (this.#peek() === end) return requirements;
      if (!this.#take(',')) this.#fail(", expected: ',' or 'end of string'");
      if (!this.#atRequirement()) this.#fail(", expected: identifier after ','");
    }
  }

  #requirement(): Requirement {
    const negated = this.#take('!');
    const key = this.#word();
    if (negated) return { key, operator: '!', values: [] };
    if (this.#peek() === end || this.#peek().text === ',') return { key, operator: 'exists', values: [] };
    const operator = operators.get(this.#peek().text);
    if (operator === undefined) this.#fail(', expected: in, notin, =, ==, !=, gt, lt');
    this.#at++;
    const values = operator === 'in' || operator === 'notin' ? this.#values() : [this.#exactValue()];
    return { key, operator, values };
  }

  #values(): string[] {
    if (!this.#take('(')) this.#fail(" expected: '('");
    if (this.#take(')')) return [];
    const values = new Set<string>();
    for (;;) {
      const token = this.#peek();
      if (token.kind === 'word') {
        values.add(token.text);
        this.#at++;
      } else if (token.text === ',' || token.text === ')') {
        values.add('');
      } else this.#fail(", expected: ',', ')' or identifier");
      if (this.#take(')')) return [...values].sort();
      if (!this.#take(',')) this.#fail(", expected: ',' or ')'");
    }
  }

  #exactValue(): string {
    return this.#peek() === end || this.#peek().text === ',' ? '' : this.#word();
  }

  #word(): string {
    const token = this.#peek();
    if (token.kind !== 'word') this.#fail(', expected: identifier');
    this.#at++;
    return token.text;
  }

  #atRequirement(): boolean {
    return this.#peek().kind === 'word' || this.#peek().text === '!';
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? end;
  }

  #take(symbol: string): boolean {
    const token = this.#peek();
    const taken = token.kind === 'symbol' && token.text === symbol;
    if (taken) this.#at++;
    return taken;
  }

  #fail(expectation: string): never {
    throw new SelectorError(`found '${this.#peek().text}'${expectation}`);
  }
}
