import type { Random } from './random.ts';

export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** Part of each delay that chance may add, 0 to 1. */
  readonly jitter?: number;
}

/** Delay before try number `failures + 1`: doubles from `baseMs`, bounded by `maxMs`. */
export function backoffMs(failures: number, options: BackoffOptions, random?: Random): number {
  const plain = Math.min(options.baseMs * 2 ** Math.min(Math.max(failures - 1, 0), 52), options.maxMs);
  return random && options.jitter ? plain * (1 + options.jitter * random.next()) : plain;
}
