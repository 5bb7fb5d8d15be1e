/**
 * An API server that listens on a loopback address is out of pods' reach. The bridge carries the address of its service,
 * and what pods send there is handed on to the server, byte by byte: the TLS in it is between them and the server.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { backoffMs } from '@slipway/kit/backoff';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ApiRelayOptions {
  /** Where pods look for the API server: the address and port of the service `default/kubernetes`. */
  readonly listen: Address;
  /** Where it is; asked for with each connection, because a server may still look for its port. */
  readonly target: () => Address;
}

const connectionsMax = 4096;
const listenBackoff = { baseMs: 50, maxMs: 1000 };

/** Runs until the signal aborts. The address comes with the bridge, which may be a moment later. */
export async function runApiRelay(
  { listen, target }: ApiRelayOptions,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    const open = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      relay(socket, target());
    });
    server.maxConnections = connectionsMax;
    try {
      server.listen({ host: listen.host, port: listen.port });
      await once(server, 'listening', { signal });
      log.info({ ...listen }, 'pods reach the API server');
      failures = 0;
      await once(server, 'close', { signal }); // rejects when the signal aborts or the server fails
    } catch (error) {
      if (signal.aborted) return;
      failures++;
      log.debug({ err: error, ...listen }, 'the address of the API server cannot be listened on yet');
      await clock.sleep(backoffMs(failures, listenBackoff), signal).catch(() => {}); // the loop looks at the signal
    } finally {
      server.close();
      for (const socket of open) socket.destroy();
    }
  }
}

/** Hands on both directions, the end of each by itself. When one connection is gone, so is the other. */
function relay(client: Socket, target: Address): void {
  const server = connect({ ...target, allowHalfOpen: true, noDelay: true });
  client.setNoDelay(true);
  client.pipe(server);
  server.pipe(client);
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.on('error', () => other.destroy());
    one.once('close', () => other.destroySoon()); // what it still has to send goes out
  }
}
