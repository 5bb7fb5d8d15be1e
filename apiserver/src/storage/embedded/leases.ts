/**
 * Leases of the etcd API. What is on the disk is that a lease exists and how long it lives; how much is left is kept in
 * memory, so after a restart every lease begins anew, as with etcd.
 */
import type { Clock } from '@slipway/kit/clock';

/** Leases that may live at the same time; each costs a timer's share and a record. */
export const leasesMax = 100_000;

/** A revocation that failed (disk full) is tried again after this time. */
const retryMs = 1_000;

export interface Lease {
  readonly id: bigint;
  readonly ttlSeconds: number;
  readonly expiresAtMs: number;
}

export interface LeasesDeps {
  readonly clock: Clock;
  /** Removes the keys of a lease and the lease. */
  expire(id: bigint): Promise<void>;
}

export class Leases {
  readonly #deps: LeasesDeps;
  readonly #leases = new Map<bigint, Lease>();
  #timer: { readonly atMs: number; readonly cancel: () => void } | undefined;
  #stopped = false;

  constructor(deps: LeasesDeps, known: Iterable<{ lease: bigint; ttlSeconds: number }>) {
    this.#deps = deps;
    for (const { lease, ttlSeconds } of known) this.start(lease, ttlSeconds);
  }

  get size(): number {
    return this.#leases.size;
  }

  get(id: bigint): Lease | undefined {
    return this.#leases.get(id);
  }

  all(): readonly Lease[] {
    return [...this.#leases.values()];
  }

  /** Begins the lifetime of a lease, or begins it anew. */
  start(id: bigint, ttlSeconds: number): Lease {
    const lease = { id, ttlSeconds, expiresAtMs: this.#deps.clock.monotonicMs() + ttlSeconds * 1_000 };
    this.#leases.set(id, lease);
    this.#expect(lease.expiresAtMs);
    return lease;
  }

  remainingSeconds({ expiresAtMs }: Lease): number {
    return Math.max(Math.floor((expiresAtMs - this.#deps.clock.monotonicMs()) / 1_000), 0);
  }

  forget(id: bigint): void {
    this.#leases.delete(id);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #expect(atMs: number): void {
    if (this.#stopped || (this.#timer && this.#timer.atMs <= atMs)) return;
    this.#timer?.cancel();
    const cancel = this.#deps.clock.after(Math.max(atMs - this.#deps.clock.monotonicMs(), 1), () => {
      this.#timer = undefined;
      void this.#round();
    });
    this.#timer = { atMs, cancel };
  }

  async #round(): Promise<void> {
    const nowMs = this.#deps.clock.monotonicMs();
    const over = this.all().filter(({ expiresAtMs }) => expiresAtMs <= nowMs);
    const results = await Promise.allSettled(over.map(({ id }) => this.#deps.expire(id)));
    // A lease whose keys could not be removed begins again, for a moment.
    over.forEach(({ id, ttlSeconds }, i) => {
      if (results[i]?.status === 'rejected') this.#leases.set(id, { id, ttlSeconds, expiresAtMs: nowMs + retryMs });
    });
    const next = this.all().reduce((min, { expiresAtMs }) => Math.min(min, expiresAtMs), Number.POSITIVE_INFINITY);
    if (next !== Number.POSITIVE_INFINITY) this.#expect(next);
  }
}
