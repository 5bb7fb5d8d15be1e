/**
 * A bounded buffer between one producer and one consumer. The producer pushes without waiting; past `limit` items the
 * queue fails with `overflow` and the consumer sees that error after what it has not read yet was dropped.
 */
export class AsyncQueue<T> implements AsyncIterable<T> {
  readonly #limit: number;
  readonly #items: T[] = [];
  #ended: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False when the queue has ended or overflowed; the item is then dropped. */
  push(item: T, overflow: () => unknown): boolean {
    if (this.#ended) return false;
    if (this.#items.length >= this.#limit) {
      this.#items.length = 0;
      this.end(overflow());
      return false;
    }
    this.#items.push(item);
    this.#wake?.();
    return true;
  }

  /** Ends the iteration after the items that are still in the buffer; with an error the iterator throws it. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = error === undefined ? {} : { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      while (this.#items.length > 0) yield this.#items.shift() as T;
      if (this.#ended) {
        if ('error' in this.#ended) throw this.#ended.error;
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
