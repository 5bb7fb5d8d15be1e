import { CelError } from './values.ts';

/** What one expression may cost while it runs; upstream's PerCallLimit. One unit is about one simple step, well below a microsecond. */
export const perCallLimit = 1_000_000;

export class CelCostError extends CelError {
  override readonly name = 'CelCostError';
}

/** Counts what an expression costs while it runs, and stops it when it has used up what it may cost. */
export class CostMeter {
  readonly #limit: number;
  #spent = 0;

  constructor(limit: number = perCallLimit) {
    this.#limit = limit;
  }

  get spent(): number {
    return this.#spent;
  }

  /** Throws CelCostError. */
  charge(cost: number): void {
    this.#spent += cost;
    if (this.#spent > this.#limit) throw new CelCostError('operation cancelled: actual cost limit exceeded');
  }
}
