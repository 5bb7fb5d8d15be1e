import type { Clock } from '@slipway/kit/clock';

/** What was said of something, and when. */
export class History<T> {
  readonly #said = new Map<string, { readonly atMs: number; readonly value: T }[]>();

  say(key: string, value: T, clock: Pick<Clock, 'monotonicMs'>): void {
    const said = this.#said.get(key) ?? [];
    said.push({ atMs: clock.monotonicMs(), value });
    this.#said.set(key, said);
  }

  /** Everything that was true within the last so many milliseconds, the oldest first. */
  within(key: string, ms: number, clock: Pick<Clock, 'monotonicMs'>): readonly T[] {
    const said = this.#said.get(key) ?? [];
    const fromMs = clock.monotonicMs() - ms;
    // What was said before the time was true at its beginning.
    const current = said.findLastIndex(({ atMs }) => atMs <= fromMs);
    return said.slice(Math.max(current, 0)).map(({ value }) => value);
  }
}
