import type { Labels } from '../pods/matchers.ts';

/** Which domain of one topology key each node is in, as small numbers by slot. */
export class TopologyColumn {
  readonly key: string;
  /** Domain by slot; -1 where the node does not have the label. */
  readonly domains: Int32Array;
  readonly #numbers = new Map<string, number>();

  constructor(key: string, capacity: number) {
    this.key = key;
    this.domains = new Int32Array(capacity).fill(-1);
  }

  /** Domains that were ever seen; some may have no node any more. */
  get size(): number {
    return this.#numbers.size;
  }

  set(slot: number, labels: Labels): void {
    const value = labels[this.key];
    this.domains[slot] = value === undefined ? -1 : this.#numberOf(value);
  }

  clear(slot: number): void {
    this.domains[slot] = -1;
  }

  domainOf(slot: number): number {
    return this.domains[slot] ?? -1;
  }

  #numberOf(value: string): number {
    let number = this.#numbers.get(value);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(value, number);
    }
    return number;
  }
}
