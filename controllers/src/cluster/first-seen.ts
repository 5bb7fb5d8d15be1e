/**
 * When something was first seen to be so, by our own clock. For spans that the API does not date, or dates by another
 * machine's clock. Lost with the process: the span then begins anew, which errs on the side of patience.
 */
export class FirstSeen {
  readonly #seen = new Map<string, { readonly value: string; readonly atMs: number }>();

  /** The time at which `key` was first seen with this value. */
  since(key: string, value: string, nowMs: number): number {
    const known = this.#seen.get(key);
    if (known?.value === value) return known.atMs;
    this.#seen.set(key, { value, atMs: nowMs });
    return nowMs;
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}
