import type { Clock } from '@slipway/kit/clock';

/** Delays are rounded up to this: what falls due together is woken together, by one timer. */
const tickMs = 50;
/** Of what is far away no more than this many ticks at a time are told apart, so that the ticks stay few. */
const coarseTicks = 20;
const farMs = 10_000;

/**
 * Many things to do later on one timer: a hundred thousand entries cost a map and a set each tick that has any, and nothing while they wait.
 */
export class Agenda {
  readonly #clock: Clock;
  /** Tick → what is due then. */
  readonly #due = new Map<number, Set<() => void>>();
  #armed: { readonly tick: number; readonly cancel: () => void } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    let size = 0;
    for (const entries of this.#due.values()) size += entries.size;
    return size;
  }

  /** Calls `act` once, no sooner than after `ms`. Returns how to prevent it. */
  after(ms: number, act: () => void): () => void {
    const grain = ms > farMs ? coarseTicks : 1;
    const tick = Math.ceil((this.#clock.monotonicMs() + ms) / (tickMs * grain)) * grain;
    const entries = this.#due.get(tick) ?? new Set();
    this.#due.set(tick, entries.add(act));
    if (!this.#armed || tick < this.#armed.tick) this.#arm(tick);
    return () => void entries.delete(act);
  }

  /** Forgets everything. */
  clear(): void {
    this.#armed?.cancel();
    this.#armed = undefined;
    this.#due.clear();
  }

  #arm(tick: number): void {
    this.#armed?.cancel();
    // Timers count whole milliseconds.
    const ms = Math.ceil(tick * tickMs - this.#clock.monotonicMs());
    this.#armed = { tick, cancel: this.#clock.after(Math.max(ms, 0), () => this.#fire(tick)) };
  }

  #fire(tick: number): void {
    this.#armed = undefined;
    // A busy process comes late: everything that is due by now, in order.
    const now = Math.max(tick, Math.floor(this.#clock.monotonicMs() / tickMs));
    const ticks = [...this.#due.keys()].filter((due) => due <= now).sort((a, b) => a - b);
    for (const due of ticks) {
      const entries = this.#due.get(due) ?? [];
      this.#due.delete(due);
      for (const act of entries) act();
    }
    let next = Number.POSITIVE_INFINITY;
    for (const due of this.#due.keys()) next = Math.min(next, due);
    if (Number.isFinite(next)) this.#arm(next);
  }
}
