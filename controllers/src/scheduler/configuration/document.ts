/** Reads a parsed document field by field; what is wrong or not served is collected, each with its path. */
export class Problems {
  readonly found: string[] = [];

  add(path: string, problem: string): void {
    this.found.push(`${path}: ${problem}`);
  }
}

/** One mapping of the document. Fields that nobody reads are reported by `end`. */
export class Section {
  readonly path: string;
  readonly problems: Problems;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #read = new Set<string>();

  constructor(value: unknown, path: string, problems: Problems) {
    this.path = path;
    this.problems = problems;
    const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isMapping && value !== undefined && value !== null) problems.add(path, 'must be a mapping');
    this.#fields = isMapping ? (value as Record<string, unknown>) : {};
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined && this.#fields[name] !== null;
  }

  raw(name: string): unknown {
    this.#read.add(name);
    return this.#fields[name] ?? undefined;
  }

  text(name: string, choices?: readonly string[]): string | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') this.fail(name, 'must be a text');
    else if (choices && !choices.includes(value)) this.fail(name, `must be one of ${choices.join(', ')}`);
    else return value;
    return undefined;
  }

  flag(name: string): boolean | undefined {
    const value = this.raw(name);
    if (value !== undefined && typeof value !== 'boolean') this.fail(name, 'must be true or false');
    return typeof value === 'boolean' ? value : undefined;
  }

  /** A whole number within bounds. */
  number(name: string, min: number, max: number): number | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    this.fail(name, `must be a whole number from ${min} to ${max}`);
    return undefined;
  }

  section(name: string): Section {
    return new Section(this.raw(name), this.pathOf(name), this.problems);
  }

  sections(name: string): Section[] {
    return this.list(name).map((value, i) => new Section(value, `${this.pathOf(name)}[${i}]`, this.problems));
  }

  texts(name: string): string[] {
    return this.list(name).flatMap((value, i) => {
      if (typeof value === 'string') return [value];
      this.fail(`${name}[${i}]`, 'must be a text');
      return [];
    });
  }

  list(name: string): readonly unknown[] {
    const value = this.raw(name);
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    this.fail(name, 'must be a list');
    return [];
  }

  fail(name: string, problem: string): void {
    this.problems.add(this.pathOf(name), problem);
  }

  /** Names the fields that nothing was made of. */
  end(): void {
    for (const name of Object.keys(this.#fields)) if (!this.#read.has(name)) this.fail(name, 'is not served');
  }

  pathOf(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}
