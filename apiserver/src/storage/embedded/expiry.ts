/** Removes entries when their time is over. The times are in the tables, so a restart changes nothing. */
import type { Clock } from '@slipway/kit/clock';
import type { StoreTables } from './tables.ts';

/** Removals started before waiting for them; the rest follows in the next round. */
const removalsPerRoundMax = 500;

/** Entries that expire close to each other are removed together. */
const roundMs = 100;

/** The pause after a round in which removals failed. */
const failedRoundMs = 5_000;

export interface ExpiryDeps {
  readonly clock: Clock;
  readonly tables: StoreTables;
  /** Removes the key as a change of its own, if the version is still that one. */
  remove(key: string, revision: number): Promise<void>;
}

export class Expiry {
  readonly #deps: ExpiryDeps;
  #timer: { readonly atMs: number; readonly cancel: () => void } | undefined;
  #stopped = false;

  constructor(deps: ExpiryDeps) {
    this.#deps = deps;
    this.#expectNext();
  }

  /** Tells of an entry that expires at a time (milliseconds since the epoch). */
  expect(atMs: number): void {
    if (this.#stopped || (this.#timer && this.#timer.atMs <= atMs)) return;
    this.#timer?.cancel();
    const { clock } = this.#deps;
    const cancel = clock.after(Math.max(atMs - clock.nowMs(), roundMs), () => {
      this.#timer = undefined;
      void this.#round();
    });
    this.#timer = { atMs, cancel };
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #round(): Promise<void> {
    const expired = [...this.#deps.tables.expired(this.#deps.clock.nowMs(), removalsPerRoundMax)];
    // A removal that fails (disk full, closing) is found again by a later round.
    const removals = await Promise.allSettled(expired.map(({ key, revision }) => this.#deps.remove(key, revision)));
    if (removals.some(({ status }) => status === 'rejected')) this.expect(this.#deps.clock.nowMs() + failedRoundMs);
    else this.#expectNext();
  }

  #expectNext(): void {
    if (this.#stopped) return;
    const nextMs = this.#deps.tables.nextExpiryMs();
    if (nextMs !== undefined) this.expect(nextMs);
  }
}
