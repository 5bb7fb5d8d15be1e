/** Address → keys of the objects that have it. Nearly always that is one, so one is kept without a set around it. */
export class AddressIndex {
  readonly #keys = new Map<string, string | readonly string[]>();

  /** Addresses that somebody has. */
  get size(): number {
    return this.#keys.size;
  }

  keysOf(address: string): readonly string[] {
    const found = this.#keys.get(address);
    if (found === undefined) return [];
    return typeof found === 'string' ? [found] : found;
  }

  add(address: string, key: string): void {
    const known = this.keysOf(address);
    if (known.includes(key)) return;
    this.#keys.set(address, known.length === 0 ? key : [...known, key]);
  }

  remove(address: string, key: string): void {
    const left = this.keysOf(address).filter((each) => each !== key);
    const [only] = left;
    if (only === undefined) this.#keys.delete(address);
    else this.#keys.set(address, left.length === 1 ? only : left);
  }
}
