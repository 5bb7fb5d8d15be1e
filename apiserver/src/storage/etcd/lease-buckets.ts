/**
 * Leases shared by entries of the same lifetime: a lease per entry would be a burden for etcd. A lease is given out for
 * a while after it was granted and lives that much longer, so an entry lives its time at least, and little more.
 */
import type { Clock } from '@slipway/kit/clock';

/** Part of the lifetime during which a lease is given out. */
const sharedPart = 0.05;
const sharedSecondsMin = 1;
const sharedSecondsMax = 60;

export class LeaseBuckets {
  readonly #clock: Clock;
  readonly #grant: (ttlSeconds: number) => Promise<string>;
  /** By lifetime in seconds. As many as there are different lifetimes: a handful. */
  readonly #buckets = new Map<number, { readonly lease: Promise<string>; readonly untilMs: number }>();

  constructor(clock: Clock, grant: (ttlSeconds: number) => Promise<string>) {
    this.#clock = clock;
    this.#grant = grant;
  }

  /** A lease that lives `ttlMs` at least. */
  lease(ttlMs: number): Promise<string> {
    const seconds = secondsOf(ttlMs);
    const known = this.#buckets.get(seconds);
    const nowMs = this.#clock.monotonicMs();
    if (known && nowMs < known.untilMs) return known.lease;
    const sharedSeconds = Math.min(Math.max(Math.ceil(seconds * sharedPart), sharedSecondsMin), sharedSecondsMax);
    const bucket = { lease: this.#grant(seconds + sharedSeconds), untilMs: nowMs + sharedSeconds * 1_000 };
    this.#buckets.set(seconds, bucket);
    bucket.lease.catch(() => {
      if (this.#buckets.get(seconds) === bucket) this.#buckets.delete(seconds);
    });
    return bucket.lease;
  }

  forget(ttlMs: number): void {
    this.#buckets.delete(secondsOf(ttlMs));
  }
}

function secondsOf(ttlMs: number): number {
  return Math.max(Math.ceil(ttlMs / 1_000), 1);
}
