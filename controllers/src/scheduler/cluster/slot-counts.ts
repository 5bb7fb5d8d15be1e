/** How many pods of something each node has, by the node's slot. Nodes without any are not listed. */
export type SlotCounts = ReadonlyMap<number, number>;

/** Counts by node for many things; a thing without pods is forgotten. */
export class CountsByNode<K> {
  readonly #counts = new Map<K, Map<number, number>>();

  of(thing: K): SlotCounts | undefined {
    return this.#counts.get(thing);
  }

  /** Answers whether the thing appeared (1), vanished (-1) or was there before and still is (0). */
  add(thing: K, slot: number, by: 1 | -1): 1 | 0 | -1 {
    let counts = this.#counts.get(thing);
    const appeared = counts === undefined;
    if (!counts) {
      counts = new Map();
      this.#counts.set(thing, counts);
    }
    const count = (counts.get(slot) ?? 0) + by;
    if (count === 0) counts.delete(slot);
    else counts.set(slot, count);
    if (counts.size > 0) return appeared ? 1 : 0;
    this.#counts.delete(thing);
    return -1;
  }
}
