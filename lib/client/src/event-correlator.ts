/**
 * Decides what becomes of an event before it is written, so that a component in trouble fills neither the store nor
 * the screen. Pure bookkeeping over the time that is handed in, in three steps:
 *
 * 1. Spam: each source has, per object, a bucket of 25 events that fills by one every 5 minutes. Beyond it: dropped.
 * 2. Aggregation: the eleventh event within 10 minutes that differs from ten before it only in its message goes into one
 *    event "(combined from similar events): ...".
 * 3. Repetition: an event that was written before is counted up on the object that it already has.
 */
import type { KubeObject } from '@slipway/api/types';

export interface EventText {
  readonly about: KubeObject;
  readonly type: 'Normal' | 'Warning';
  /** One CamelCase word that machines compare: `ScalingReplicaSet`. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
}

export type Correlated =
  | { readonly outcome: 'dropped' }
  /** `key` identifies the series; hand it to `written` with the name that the event got. */
  | { readonly outcome: 'new'; readonly key: string; readonly message: string }
  | {
      readonly outcome: 'repeated';
      readonly key: string;
      readonly name: string;
      readonly count: number;
      readonly message: string;
    };

const spamBurst = 25;
const spamRefillMs = 300_000;
const similarMax = 10;
const similarWindowMs = 600_000;
/** Series, buckets and groups that are remembered; the least recently used goes first. */
const rememberedMax = 4096;

interface Series {
  name: string | undefined;
  count: number;
}

export class EventCorrelator {
  readonly #buckets = new Recent<{ tokens: number; atMs: number }>(rememberedMax);
  readonly #groups = new Recent<{ messages: Set<string>; atMs: number }>(rememberedMax);
  readonly #series = new Recent<Series>(rememberedMax);

  correlate(source: string, event: EventText, nowMs: number): Correlated {
    const about = `${source}\0${event.about.kind}\0${event.about.metadata.uid}\0${event.about.metadata.name}`;
    if (!this.#takeToken(about, nowMs)) return { outcome: 'dropped' };
    const group = `${about}\0${event.type}\0${event.reason}`;
    const isCombined = this.#isCrowded(group, event.message, nowMs);
    const message = isCombined ? `(combined from similar events): ${event.message}` : event.message;
    const key = isCombined ? group : `${group}\0${event.message}`;
    const series = this.#series.get(key) ?? { name: undefined, count: 0 };
    series.count += 1;
    this.#series.set(key, series);
    return series.name === undefined
      ? { outcome: 'new', key, message }
      : { outcome: 'repeated', key, name: series.name, count: series.count, message };
  }

  written(key: string, name: string): void {
    const series = this.#series.get(key);
    if (series) series.name = name;
  }

  /** The event of this series is gone from the server; the next one begins a new series. */
  forget(key: string): void {
    this.#series.delete(key);
  }

  #takeToken(about: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(about) ?? { tokens: spamBurst, atMs: nowMs };
    bucket.tokens = Math.min(spamBurst, bucket.tokens + (nowMs - bucket.atMs) / spamRefillMs);
    bucket.atMs = nowMs;
    this.#buckets.set(about, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #isCrowded(group: string, message: string, nowMs: number): boolean {
    let similar = this.#groups.get(group);
    if (!similar || nowMs - similar.atMs > similarWindowMs) similar = { messages: new Set(), atMs: nowMs };
    similar.atMs = nowMs;
    this.#groups.set(group, similar);
    if (similar.messages.has(message)) return false;
    if (similar.messages.size >= similarMax) return true;
    similar.messages.add(message);
    return false;
  }
}

/** A map that forgets what was not used for longest. */
class Recent<Value> {
  readonly #max: number;
  readonly #values = new Map<string, Value>();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Value): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= this.#max) return;
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest);
      return;
    }
  }

  delete(key: string): void {
    this.#values.delete(key);
  }
}
