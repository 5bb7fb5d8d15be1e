/**
 * Why a text is no JSON, in the words of Go's parser, which clients of this API know. Runs only on texts that JSON.parse refused.
 */
export function jsonProblem(text: string): string {
  const scanner = new Scanner(text);
  try {
    scanner.value('looking for beginning of value');
    scanner.end();
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
  return 'invalid JSON';
}

class Problem extends Error {}

/** As upstream's parser. */
const depthMax = 10_000;

class Scanner {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(where: string): void {
    this.#space();
    const character = this.#text[this.#at];
    if (character === '{') this.#nested(() => this.#object());
    else if (character === '[') this.#nested(() => this.#array());
    else if (character === '"') this.#string();
    else if (character === 't') this.#literal('true');
    else if (character === 'f') this.#literal('false');
    else if (character === 'n') this.#literal('null');
    else if (character === '-' || isDigit(character)) this.#number();
    else this.#fail(where);
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) this.#fail('after top-level value');
  }

  #nested(read: () => void): void {
    if (++this.#depth > depthMax) throw new Problem('exceeded max depth');
    this.#at++;
    read();
    this.#depth--;
  }

  #object(): void {
    if (this.#skip('}')) return;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#fail('looking for beginning of object key string');
      this.#string();
      if (!this.#skip(':')) this.#fail('after object key');
      this.value('looking for beginning of value');
      if (this.#skip('}')) return;
      if (!this.#skip(',')) this.#fail('after object key:value pair');
    }
  }

  #array(): void {
    if (this.#skip(']')) return;
    for (;;) {
      this.value('looking for beginning of value');
      if (this.#skip(']')) return;
      if (!this.#skip(',')) this.#fail('after array element');
    }
  }

  #string(): void {
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at] ?? '';
      if (character === '"') {
        this.#at++;
        return;
      }
      if (character < ' ') this.#fail('in string literal');
      if (character === '\\') this.#escape();
    }
    this.#fail('');
  }

  #escape(): void {
    this.#at++;
    const character = this.#text[this.#at];
    if (character === 'u') {
      for (let digit = 0; digit < 4; digit++) {
        this.#at++;
        if (!/^[0-9a-fA-F]$/.test(this.#text[this.#at] ?? '')) this.#fail('in \\u hexadecimal character escape');
      }
    } else if (character === undefined || !'"\\/bfnrt'.includes(character)) this.#fail('in string escape code');
  }

  #literal(word: string): void {
    for (const [index, expected] of [...word].entries()) {
      if (this.#text[this.#at] !== expected && index > 0) this.#fail(`in literal ${word} (expecting '${expected}')`);
      this.#at++;
    }
  }

  #number(): void {
    if (this.#text[this.#at] === '-') this.#at++;
    if (!isDigit(this.#text[this.#at])) this.#fail('in numeric literal');
    if (this.#text[this.#at] === '0') this.#at++;
    else this.#digits();
    if (this.#text[this.#at] === '.') {
      this.#at++;
      if (!isDigit(this.#text[this.#at])) this.#fail('after decimal point in numeric literal');
      this.#digits();
    }
    if (this.#text[this.#at] === 'e' || this.#text[this.#at] === 'E') {
      this.#at++;
      if (this.#text[this.#at] === '+' || this.#text[this.#at] === '-') this.#at++;
      if (!isDigit(this.#text[this.#at])) this.#fail('in exponent of numeric literal');
      this.#digits();
    }
  }

  #digits(): void {
    while (isDigit(this.#text[this.#at])) this.#at++;
  }

  #space(): void {
    while (/^[ \t\r\n]$/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #skip(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #fail(where: string): never {
    const character = this.#text[this.#at];
    if (character === undefined) throw new Problem('unexpected end of JSON input');
    throw new Problem(`invalid character ${quotedCharacter(character)} ${where}`);
  }
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9';
}

function quotedCharacter(character: string): string {
  if (character === "'") return "'\\''";
  if (character === '"') return "'\"'";
  return `'${JSON.stringify(character).slice(1, -1)}'`;
}
