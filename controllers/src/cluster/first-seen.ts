import type { Clock } from '@slipway/kit/clock';

/**
 * When something was first seen to be so, by our own clock. For spans that the API does not date, or dates by another
 * machine's clock. Lost with the process: the span then begins anew, which errs on the side of patience.
 */
export class FirstSeen {
  readonly #seen = new Map<string, { readonly value: string; readonly atMs: number }>();
  readonly #clock: Pick<Clock, 'monotonicMs'> | undefined;

  /** With a clock spans are measured by its monotonic side: a wall clock that is set does not make them longer or shorter. */
  constructor(clock?: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** The time, on the scale of `nowMs`, at which `key` was first seen with this value. */
  since(key: string, value: string, nowMs: number): number {
    const markMs = this.#clock?.monotonicMs() ?? nowMs;
    const known = this.#seen.get(key);
    if (known?.value === value) return nowMs - (markMs - known.atMs);
    this.#seen.set(key, { value, atMs: markMs });
    return nowMs;
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}
