import type { Clock } from './clock.ts';

/**
 * Work queue of keys: a key is at most once in the queue, and at most once in work. A key that is added while it is
 * in work runs again afterwards. The earliest requested time wins. The bound is the number of distinct keys, which
 * is the number of objects that exist.
 */
export class KeyedQueue {
  readonly #clock: Clock;
  readonly #ready = new Set<string>();
  readonly #delayed = new Map<string, { atMs: number; cancel: () => void }>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  #wake: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Asks for a run as soon as a worker is free. */
  add(key: string): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
    if (this.#running.has(key)) this.#again.add(key);
    else this.#ready.add(key);
    this.#wake();
  }

  /** Asks for a run after `ms`, unless an earlier one is already asked for. */
  addAfter(key: string, ms: number): void {
    if (ms <= 0) {
      this.add(key);
      return;
    }
    if (this.#ready.has(key) || this.#again.has(key)) return;
    const atMs = this.#clock.monotonicMs() + ms;
    const waiting = this.#delayed.get(key);
    if (waiting && waiting.atMs <= atMs) return;
    waiting?.cancel();
    this.#delayed.set(key, { atMs, cancel: this.#clock.after(ms, () => this.add(key)) });
  }

  /** Takes a key out of the queue, if it waits; one that is in work is not stopped. */
  forget(key: string): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
    this.#ready.delete(key);
    this.#again.delete(key);
  }

  /** Keys that wait for a worker now. */
  get size(): number {
    return this.#ready.size;
  }

  /** True when nothing is ready or in work; delayed keys may wait. */
  get isIdle(): boolean {
    return this.#ready.size === 0 && this.#running.size === 0;
  }

  /** Runs `work` for keys with at most `workers` at a time until the signal aborts and the running ones ended. */
  async run(workers: number, work: (key: string) => Promise<void>, signal: AbortSignal): Promise<void> {
    const running = new Set<Promise<void>>();
    while (!signal.aborted) {
      for (const key of this.#ready) {
        if (running.size >= workers) break;
        this.#ready.delete(key);
        this.#running.add(key);
        const done = work(key).finally(() => {
          running.delete(done);
          this.#running.delete(key);
          if (this.#again.delete(key)) this.#ready.add(key);
          this.#wake();
        });
        running.add(done);
      }
      await this.#woken(signal);
    }
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    await Promise.allSettled(running);
  }

  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        this.#wake = () => {};
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
