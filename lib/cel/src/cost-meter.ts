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
  /** What has been worked out of a value once, by whoever did it: values do not change while an expression runs. */
  #known: Map<object, WeakMap<object, unknown>> | undefined;

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

  /** What `make` has made of the value before, or makes of it now. `maker` is who asks; values of one maker are of one type. */
  once<T>(maker: object, value: object, make: () => T): T {
    this.#known ??= new Map();
    let known = this.#known.get(maker);
    if (!known) {
      known = new WeakMap();
      this.#known.set(maker, known);
    }
    if (known.has(value)) return known.get(value) as T;
    const made = make();
    known.set(value, made);
    return made;
  }
}
