import { StatusError } from '@slipway/api/status-error';
import type { ApiRequest, Transport, WatchEvent, WatchRequest } from '@slipway/api/transport';
import type { Random } from '@slipway/kit/random';

/** Chances, 0 to 1. */
export interface Faults {
  /** A write fails before it reaches the server. */
  readonly refused?: number;
  /** A write is done, and its answer lost. */
  readonly answerLost?: number;
  /** A watch is cut after a batch. */
  readonly watchCut?: number;
  /** A watch cannot go on from where it was: its history is gone. */
  readonly watchExpired?: number;
  /** The server is too busy for a request (429), reads too. */
  readonly throttled?: number;
  /** Somebody else was faster (409). */
  readonly conflict?: number;
}

/** The real transport with trouble on the way, from a seed. `heal` ends the trouble; `struck` counts it. */
export function faultyTransport(
  plain: Transport,
  faults: Faults,
  random: Random,
): { transport: Transport; heal: () => void; struck: Map<keyof Faults, number> } {
  let isFaulty = true;
  const struck = new Map<keyof Faults, number>();
  const strikes = (fault: keyof Faults) => {
    if (!isFaulty || random.next() >= (faults[fault] ?? 0)) return false;
    struck.set(fault, (struck.get(fault) ?? 0) + 1);
    return true;
  };
  const send = async (request: ApiRequest, signal: AbortSignal) => {
    const { verb } = request;
    const isWrite = verb !== 'get' && verb !== 'list';
    if (strikes('throttled')) {
      const details = { retryAfterSeconds: 1 };
      throw new StatusError('TooManyRequests', 'the server is overloaded', { details });
    }
    if (isWrite && strikes('refused')) throw new Error('connection refused');
    const mayConflict = verb === 'update' || verb === 'patch' || verb === 'delete';
    if (mayConflict && strikes('conflict')) throw new StatusError('Conflict', 'the object has been modified');
    const answer = await plain.send(request, signal);
    if (isWrite && strikes('answerLost')) throw new Error('connection reset');
    return answer;
  };
  async function* watch(request: WatchRequest, signal: AbortSignal): AsyncGenerator<readonly WatchEvent[]> {
    if (strikes('watchExpired')) throw new StatusError('Expired', 'too old resource version');
    for await (const events of plain.watch(request, signal)) {
      yield events;
      if (strikes('watchCut')) throw new Error('connection reset');
    }
  }
  return {
    transport: { send, watch },
    struck,
    heal: () => {
      isFaulty = false;
    },
  };
}
