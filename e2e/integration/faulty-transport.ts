import type { ApiRequest, Transport, WatchEvent, WatchRequest } from '@slipway/api/transport';
import type { Random } from '@slipway/kit/random';

/** Chances, 0 to 1. */
export interface Faults {
  /** A write fails before it reaches the server. */
  readonly refused: number;
  /** A write is done, and its answer lost. */
  readonly answerLost: number;
  /** A watch is cut after a batch. */
  readonly watchCut: number;
}

/** The real transport with trouble on the way, from a seed. `heal` ends the trouble. */
export function faultyTransport(
  plain: Transport,
  faults: Faults,
  random: Random,
): { transport: Transport; heal: () => void } {
  let isFaulty = true;
  const strikes = (chance: number) => isFaulty && random.next() < chance;
  const send = async (request: ApiRequest, signal: AbortSignal) => {
    const isWrite = request.verb !== 'get' && request.verb !== 'list';
    if (isWrite && strikes(faults.refused)) throw new Error('connection refused');
    const answer = await plain.send(request, signal);
    if (isWrite && strikes(faults.answerLost)) throw new Error('connection reset');
    return answer;
  };
  async function* watch(request: WatchRequest, signal: AbortSignal): AsyncGenerator<readonly WatchEvent[]> {
    for await (const events of plain.watch(request, signal)) {
      yield events;
      if (strikes(faults.watchCut)) throw new Error('connection reset');
    }
  }
  return {
    transport: { send, watch },
    heal: () => {
      isFaulty = false;
    },
  };
}
