/** Requests in work, and how many there may be. Watches and streams have a bound of their own. */
import { StatusError } from '@slipway/api/status-error';
import type { Limits } from '../config.ts';
import type { RequestMetrics } from '../metrics/request-metrics.ts';

export type RequestKind = 'readOnly' | 'mutating';

const readOnlyMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

export function requestKind(method: string): RequestKind {
  return readOnlyMethods.has(method) ? 'readOnly' : 'mutating';
}

export class InFlight {
  readonly #limits: Limits;
  #readOnly = 0;
  #mutating = 0;
  #longRunning = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get counts(): { readonly readOnly: number; readonly mutating: number } {
    return { readOnly: this.#readOnly, mutating: this.#mutating };
  }

  /**
   * Throws StatusError TooManyRequests. `isPrivileged` is asked when the server is full: as upstream, system:masters always get an answer,
   * up to the bound that protects the process itself.
   */
  enter(kind: RequestKind, isPrivileged: () => boolean, metrics: RequestMetrics): void {
    const { readsInFlightMax, writesInFlightMax, requestsInFlightMax } = this.#limits;
    const isFull = kind === 'readOnly' ? this.#readOnly >= readsInFlightMax : this.#mutating >= writesInFlightMax;
    if (isFull && (this.#readOnly + this.#mutating >= requestsInFlightMax || !isPrivileged())) {
      metrics.dropped(kind);
      throw tooManyRequests();
    }
    if (kind === 'readOnly') this.#readOnly++;
    else this.#mutating++;
  }

  leave(kind: RequestKind): void {
    if (kind === 'readOnly') this.#readOnly--;
    else this.#mutating--;
  }

  /** Throws StatusError TooManyRequests. */
  beginLongRunning(): void {
    if (this.#longRunning >= this.#limits.watchersMax) throw tooManyRequests();
    this.#longRunning++;
  }

  endLongRunning(): void {
    this.#longRunning--;
  }
}

function tooManyRequests(): StatusError {
  return new StatusError('TooManyRequests', 'Too many requests, please try again later.', {
    details: { retryAfterSeconds: 1 },
  });
}
