import type { Transport } from '@slipway/api/transport';

/** A write that was not sent, because whoever wanted it does not surely lead. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/**
 * Lets writes pass only while `mayWrite`. A process that stood still for longer than its lease lasts wakes in the middle of its work; what
 * it then still wants to write is held back here, before its timers have told it that it no longer leads.
 */
export function fencedTransport(plain: Transport, mayWrite: () => boolean): Transport {
  return {
    watch: (request, signal) => plain.watch(request, signal),
    send: (request, signal) => {
      const isRead = request.verb === 'get' || request.verb === 'list';
      if (isRead || mayWrite()) return plain.send(request, signal);
      return Promise.reject(new FencedError(`${request.verb} of ${request.path.resource} held back: not leading`));
    },
  };
}
