import type { Clock } from '@slipway/kit/clock';
import type { MessageLayout } from './wire.ts';
import { layoutOf } from './wire.ts';

/** Answers of other servers, kept as bytes for as long as they say. The least recently used goes first. */
export class AnswerCache {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #entries = new Map<string, CachedAnswer>();

  constructor(clock: Clock, limit: number = entriesMax) {
    this.#clock = clock;
    this.#limit = limit;
  }

  get(key: string): (CachedAnswer & { readonly ageSeconds: number }) | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    const now = this.#clock.monotonicMs();
    if (now >= entry.untilMs) return undefined;
    this.#entries.set(key, entry);
    return { ...entry, ageSeconds: Math.floor((now - entry.fromMs) / 1000) };
  }

  /** Keeps it when it may be kept: whole, and positive or a "no" that says how long it holds. */
  put(key: string, answer: Buffer): void {
    const layout = layoutOf(answer);
    const seconds = layout && secondsToKeep(answer, layout);
    if (!layout || !seconds) return;
    const fromMs = this.#clock.monotonicMs();
    this.#entries.delete(key);
    this.#entries.set(key, { answer, layout, fromMs, untilMs: fromMs + seconds * 1000 });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#limit && oldest !== undefined) this.#entries.delete(oldest);
  }
}

export interface CachedAnswer {
  readonly answer: Buffer;
  readonly layout: MessageLayout;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A few megabytes at most. */
const entriesMax = 10_000;
/** A cluster's names move; nobody shall wait longer for a change, whatever the far server says. */
const positiveSecondsMax = 3600;
const negativeSecondsMax = 30;
const nxdomain = 3;

function secondsToKeep(answer: Buffer, layout: MessageLayout): number {
  if (layout.isTruncated) return 0;
  if (layout.rcode === 0 && layout.answerCount > 0) {
    const ttls = layout.ttlOffsets.map((offset) => answer.readUInt32BE(offset));
    return Math.min(positiveSecondsMax, ...ttls);
  }
  const isNegative = layout.rcode === nxdomain || layout.rcode === 0;
  return isNegative && layout.negativeTtl !== undefined ? Math.min(layout.negativeTtl, negativeSecondsMax) : 0;
}
