import { nextTurn } from './next-turn.ts';
import { type Clock, sleepBy } from './clock.ts';

interface Timer {
  readonly atMs: number;
  readonly order: number;
  /** Undefined when it was cancelled or has fired. */
  fire: (() => void) | undefined;
}

/** A clock that stands still until a test moves it. Timers fire in order of time, then of creation. */
export class VirtualClock implements Clock {
  #nowMs: number;
  #order = 0;
  /** A binary heap, the next timer first. Cancelled timers stay until they come to the front. */
  readonly #heap: Timer[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(ms: number, fire: () => void): () => void {
    const timer: Timer = { atMs: this.#nowMs + Math.max(ms, 0), order: this.#order++, fire };
    this.#push(timer);
    return () => {
      timer.fire = undefined;
    };
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return sleepBy(this, ms, signal);
  }

  /** The time of the next timer, or undefined when nothing waits. */
  nextTimerMs(): number | undefined {
    return this.#next()?.atMs;
  }

  /** Moves the time, firing timers on the way; promises settle between two timers. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (let timer = this.#next(); timer && timer.atMs <= untilMs; timer = this.#next()) {
      this.#pop();
      this.#nowMs = timer.atMs;
      const { fire } = timer;
      timer.fire = undefined;
      fire?.();
      await nextTurn();
    }
    this.#nowMs = untilMs;
    await nextTurn();
  }

  #next(): Timer | undefined {
    while (this.#heap[0] && !this.#heap[0].fire) this.#pop();
    return this.#heap[0];
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (!parent || isBefore(parent, timer)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      const left = heap[below];
      if (!left) break;
      const right = heap[below + 1];
      if (right && isBefore(right, left)) below++;
      const child = heap[below];
      if (!child || isBefore(last, child)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
