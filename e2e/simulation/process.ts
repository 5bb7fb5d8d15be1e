import { type Clock, sleepBy } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import type { VirtualClock } from '@slipway/kit/virtual-clock';

/**
 * A process of the simulated cluster. It is given its own view of the time and its own chance; when it is killed its timers
 * never fire again and the network carries nothing more to it, so whatever code of it is left over stands still.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly clock: ProcessClock;
  readonly random: Random;
  /** Never aborts: who is killed does not hear of it. Gone with the process, and with it all that listens. */
  readonly signal: AbortSignal = new AbortController().signal;
  /** Nothing gets through in either direction. */
  isPartitioned = false;
  readonly #ends = new Set<() => void>();

  constructor(name: string, base: VirtualClock, random: Random) {
    this.name = name;
    this.clock = new ProcessClock(base);
    this.random = random;
  }

  get isAlive(): boolean {
    return this.clock.isRunning;
  }

  kill(): void {
    this.clock.stop();
    for (const end of this.#ends) end();
    this.#ends.clear();
  }

  /** Called when the process is killed; returns how to take that back. */
  onKilled(end: () => void): () => void {
    this.#ends.add(end);
    return () => this.#ends.delete(end);
  }
}

/** The time as one machine sees it: the wall clock may be off and jump, spans are the same for all. */
export class ProcessClock implements Clock {
  readonly #base: VirtualClock;
  #offsetMs = 0;
  #isRunning = true;

  constructor(base: VirtualClock) {
    this.#base = base;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  stop(): void {
    this.#isRunning = false;
  }

  jump(ms: number): void {
    this.#offsetMs += ms;
  }

  /** The wall clock is right again. */
  correct(): void {
    this.#offsetMs = 0;
  }

  nowMs(): number {
    return this.#base.nowMs() + this.#offsetMs;
  }

  monotonicMs(): number {
    return this.#base.monotonicMs();
  }

  after(ms: number, fire: () => void): () => void {
    if (!this.#isRunning) return () => {};
    return this.#base.after(ms, () => {
      if (this.#isRunning) fire();
    });
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return sleepBy(this, ms, signal);
  }
}
