import { createHash } from 'node:crypto';
import type { Clock } from '@slipway/kit/clock';

/** Lines kept to be shown when something is found; the hash covers all. */
const keptLinesMax = 400;

/** What happened, line by line, in virtual time. Two runs of a seed must have the same hash. */
export class EventLog {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #hash = createHash('sha256');
  readonly #tail: string[] = [];
  readonly #sink: ((line: string) => void) | undefined;
  #count = 0;

  constructor(clock: Clock, sink?: (line: string) => void) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
    this.#sink = sink;
  }

  write(who: string, what: string): void {
    const seconds = ((this.#clock.monotonicMs() - this.#startMs) / 1000).toFixed(3);
    const line = `${seconds.padStart(9)} ${who.padEnd(15)} ${what}`;
    this.#hash.update(line).update('\n');
    this.#count++;
    this.#sink?.(line);
    this.#tail.push(line);
    if (this.#tail.length > 2 * keptLinesMax) this.#tail.splice(0, keptLinesMax);
  }

  get count(): number {
    return this.#count;
  }

  /** Of everything written so far. */
  digest(): string {
    return this.#hash.copy().digest('hex').slice(0, 16);
  }

  tail(lines: number): readonly string[] {
    return this.#tail.slice(-lines);
  }
}
