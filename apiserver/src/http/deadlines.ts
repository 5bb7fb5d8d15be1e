/**
 * How long a request may take; upstream's --request-timeout, and the parameter `timeout` of a request. Watches and streams have none. Requests that
 * begin within a second share a signal: a timer for each would show in the time of small ones.
 */
import { parseDurationMs } from '@slipway/api/duration';
import { StatusError } from '@slipway/api/status-error';
import type { Clock } from '@slipway/kit/clock';
import { badRequest } from '../registry/status-errors.ts';

export interface DeadlinesOptions {
  readonly clock: Clock;
  readonly requestMsMax: number;
  /** The end of all requests. */
  readonly givingUp: AbortSignal;
}

/** Requests that begin so close to each other end together. */
const sharedMsMax = 1_000;

export class Deadlines {
  readonly #options: DeadlinesOptions;
  #shared: { readonly signal: AbortSignal; readonly beganMs: number } | undefined;

  constructor(options: DeadlinesOptions) {
    this.#options = options;
  }

  /** Aborts with a StatusError when the time is over. `asked`: what the request says itself, such as `10s`. Throws StatusError BadRequest. */
  signalFor(asked: string | null): AbortSignal {
    const { clock, requestMsMax } = this.#options;
    if (asked !== null && asked !== '') return this.#after(Math.min(durationMs(asked) || requestMsMax, requestMsMax));
    const nowMs = clock.monotonicMs();
    const togetherMs = Math.min(sharedMsMax, requestMsMax / 10);
    if (!this.#shared || nowMs - this.#shared.beganMs > togetherMs) {
      this.#shared = { signal: this.#after(requestMsMax + togetherMs), beganMs: nowMs };
    }
    return this.#shared.signal;
  }

  #after(ms: number): AbortSignal {
    const { clock, givingUp } = this.#options;
    const ending = new AbortController();
    clock.after(ms, () => ending.abort(timedOut()));
    return AbortSignal.any([ending.signal, givingUp]);
  }
}

function timedOut(): StatusError {
  const message = 'Timeout: request did not complete within requested timeout - context deadline exceeded';
  return new StatusError('Timeout', message, { details: {} });
}

const textMax = 64;

function durationMs(text: string): number {
  const ms = text.length <= textMax ? parseDurationMs(text) : undefined;
  if (ms !== undefined) return ms;
  throw badRequest(`invalid timeout specified in the request URL: time: invalid duration ${JSON.stringify(text)}`);
}
