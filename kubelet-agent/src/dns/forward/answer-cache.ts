import type { Clock } from '@slipway/kit/clock';
import type { ForeignAnswer } from '../wire/foreign-answer.ts';
import { rcodes } from '../wire/record-types.ts';

export interface CachedAnswer {
  readonly answer: ForeignAnswer;
  readonly ageSeconds: number;
}

interface Entry {
  readonly answer: ForeignAnswer;
  readonly fromMs: number;
  readonly untilMs: number;
}

export const entriesMax = 10_000;
/** Of the messages; what describes them is about as much again. */
export const bytesMax = 8 * 1024 * 1024;
/** A cluster's names move; nobody shall wait longer for a change, whatever the far server says. */
const positiveSecondsMax = 3600;
const negativeSecondsMax = 30;

/** Answers of other servers, kept for as long as they say. The least recently used goes first. */
export class AnswerCache {
  readonly #clock: Clock;
  readonly #limits: { readonly entries: number; readonly bytes: number };
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(
    clock: Clock,
    limits: { readonly entries: number; readonly bytes: number } = { entries: entriesMax, bytes: bytesMax },
  ) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): CachedAnswer | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    const now = this.#clock.monotonicMs();
    this.#remove(key, entry);
    if (now >= entry.untilMs) return undefined;
    this.#add(key, entry);
    return { answer: entry.answer, ageSeconds: Math.floor((now - entry.fromMs) / 1000) };
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  /** Keeps it when it may be kept: whole, and positive or a "no" that says how long it holds. */
  put(key: string, answer: ForeignAnswer): void {
    const seconds = secondsToKeep(answer);
    if (seconds === 0) return;
    const former = this.#entries.get(key);
    if (former) this.#remove(key, former);
    const fromMs = this.#clock.monotonicMs();
    this.#add(key, { answer, fromMs, untilMs: fromMs + seconds * 1000 });
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= this.#limits.entries && this.#bytes <= this.#limits.bytes) return;
      this.#remove(oldest, entry);
    }
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.answer.message.length;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.answer.message.length;
  }
}

/** RFC 2308: a "no" without a SOA is not kept, and a failure of the server is none of the name's. */
function secondsToKeep({ isTruncated, rcode, counts, ttl = 0, negativeTtl }: ForeignAnswer): number {
  if (isTruncated) return 0;
  const isNegative = rcode === rcodes.NXDOMAIN || (rcode === rcodes.NOERROR && negativeTtl !== undefined);
  if (isNegative) return negativeTtl === undefined ? 0 : Math.min(negativeTtl, ttl, negativeSecondsMax);
  return rcode === rcodes.NOERROR && counts[0] > 0 ? Math.min(ttl, positiveSecondsMax) : 0;
}
