import type { CelType } from './cel-type.ts';

export interface Variable {
  readonly type: CelType;
  readonly slot: number;
  /** The most characters or elements of its value. */
  readonly size: number;
}

/** Names that are visible at a place in an expression. Slots are counted through the whole expression. */
export class Scope {
  readonly #parent: Scope | undefined;
  readonly #own: ReadonlyMap<string, Variable>;

  constructor(own: ReadonlyMap<string, Variable>, parent?: Scope) {
    this.#own = own;
    this.#parent = parent;
  }

  find(name: string): Variable | undefined {
    return this.#own.get(name) ?? this.#parent?.find(name);
  }

  with(entries: readonly (readonly [string, Variable])[]): Scope {
    return new Scope(new Map(entries), this);
  }
}
