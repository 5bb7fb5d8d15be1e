/**
 * Values by key, in key order: a list of sorted chunks. An insertion moves at most one chunk, so creating many objects
 * between lists stays cheap, and a list from any key begins after two binary searches.
 */

/** Split above this; large enough that a whole list is mostly copying arrays. */
const chunkLengthMax = 512;

interface Chunk<T> {
  readonly keys: string[];
  readonly values: T[];
}

export class SortedEntries<T> {
  readonly #chunks: Chunk<T>[] = [];
  readonly #byKey = new Map<string, T>();

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): T | undefined {
    return this.#byKey.get(key);
  }

  set(key: string, value: T): void {
    const isNew = !this.#byKey.has(key);
    this.#byKey.set(key, value);
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (!chunk) {
      this.#chunks.push({ keys: [key], values: [value] });
      return;
    }
    const index = lowerBound(chunk.keys, key);
    chunk.keys.splice(index, isNew ? 0 : 1, key);
    chunk.values.splice(index, isNew ? 0 : 1, value);
    if (chunk.keys.length <= chunkLengthMax) return;
    // Names often arrive in order; then the left chunk stays full.
    const middle = index === chunk.keys.length - 1 ? index : chunkLengthMax >> 1;
    this.#chunks.splice(at + 1, 0, { keys: chunk.keys.splice(middle), values: chunk.values.splice(middle) });
  }

  delete(key: string): void {
    if (!this.#byKey.delete(key)) return;
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (!chunk) return;
    const index = lowerBound(chunk.keys, key);
    chunk.keys.splice(index, 1);
    chunk.values.splice(index, 1);
    if (chunk.keys.length === 0) this.#chunks.splice(at, 1);
  }

  /** Values of the keys from `from` (inclusive) to `to` (exclusive), at most `limit` (0 = all). */
  slice(from: string, to: string, limit: number): T[] {
    const found: T[] = [];
    for (const [chunk, start, end] of this.#parts(from, to)) {
      const wanted = limit > 0 ? Math.min(end, start + limit - found.length) : end;
      for (let i = start; i < wanted; i++) found.push(chunk.values[i] as T);
      if (limit > 0 && found.length >= limit) break;
    }
    return found;
  }

  *entries(from: string, to: string): Generator<[string, T]> {
    for (const [chunk, start, end] of this.#parts(from, to)) {
      for (let i = start; i < end; i++) yield [chunk.keys[i] as string, chunk.values[i] as T];
    }
  }

  count(from: string, to: string): number {
    let count = 0;
    for (const [, start, end] of this.#parts(from, to)) count += end - start;
    return count;
  }

  values(): IterableIterator<T> {
    return this.#byKey.values();
  }

  *#parts(from: string, to: string): Generator<[Chunk<T>, number, number]> {
    for (let at = this.#chunkOf(from); at < this.#chunks.length; at++) {
      const chunk = this.#chunks[at] as Chunk<T>;
      if ((chunk.keys[0] as string) >= to) return;
      const start = (chunk.keys[0] as string) >= from ? 0 : lowerBound(chunk.keys, from);
      const end = (chunk.keys.at(-1) as string) < to ? chunk.keys.length : lowerBound(chunk.keys, to);
      if (start < end) yield [chunk, start, end];
    }
  }

  /** The chunk that holds the key or would take it: the last one that begins at or before it. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#chunks[middle]?.keys[0] as string) <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(low - 1, 0);
  }
}

/** The first index whose key is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
