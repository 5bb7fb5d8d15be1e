import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import { backoffMs } from '@slipway/kit/backoff';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import { lengthPrefix } from './forwarder.ts';
import type { QueryHandler } from './query-handler.ts';

export interface DnsServerOptions {
  readonly address: string;
  /** 53; 0 picks a free one. */
  readonly port: number;
}

export interface DnsServerDeps {
  readonly handle: QueryHandler;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Each connection costs memory, and a client needs one. */
const connectionsMax = 256;
const idleMs = 10_000;
/** Questions of one connection in work at once; the next is read when one is answered. */
const pipelinedMax = 16;
const messageBytesMax = 65_535;
/** On a node's first start the address comes a moment later, with the bridge; that is nothing to tell. */
const quietFailures = 6;
const listenBackoff = { baseMs: 50, maxMs: 1000 };

/** UDP and TCP on one address. */
export class DnsServer {
  readonly #deps: DnsServerDeps;
  readonly #options: DnsServerOptions;
  readonly #ready = Promise.withResolvers<{ readonly port: number }>();

  constructor(deps: DnsServerDeps, options: DnsServerOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Resolves when both sockets listen. */
  get ready(): Promise<{ readonly port: number }> {
    return this.#ready.promise;
  }

  /** Runs until the signal aborts. The address may not be there yet, or be taken for a moment: then it tries again. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#serve(signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        if (failures === quietFailures) log.warn({ err: error, ...this.#options }, 'cluster DNS cannot listen yet');
        await clock.sleep(backoffMs(failures, listenBackoff), signal).catch(() => {}); // the loop looks at the signal
      }
    }
  }

  async #serve(signal: AbortSignal): Promise<void> {
    const { address } = this.#options;
    const udp = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const tcp = createServer({ pauseOnConnect: false });
    tcp.maxConnections = connectionsMax;
    const connections = new Set<Socket>();
    try {
      const port = await listenUdp(udp, this.#options);
      await listenTcp(tcp, address, port);
      udp.on('message', (message, from) => void this.#answerDatagram(udp, message, from, signal));
      tcp.on('connection', (socket) => {
        connections.add(socket);
        socket.once('close', () => connections.delete(socket));
        this.#answerConnection(socket, signal);
      });
      const failed = Promise.race([once(udp, 'error'), once(tcp, 'error')]).then(([error]) => {
        throw error;
      });
      this.#ready.resolve({ port });
      this.#deps.log.info({ address, port }, 'cluster DNS listens');
      const aborted = signal.aborted ? Promise.resolve() : once(signal, 'abort');
      await Promise.race([aborted, failed]);
    } finally {
      for (const socket of connections) socket.destroy();
      udp.close();
      tcp.close();
    }
  }

  async #answerDatagram(
    udp: UdpSocket,
    message: Buffer,
    from: { address: string; port: number },
    signal: AbortSignal,
  ): Promise<void> {
    const answer = await this.#answer(message, 'udp', signal);
    // The socket may have been closed meanwhile; the client will ask again.
    if (answer && !signal.aborted) udp.send(answer, from.port, from.address, () => {});
  }

  /** Messages with a length before each (RFC 1035, 4.2.2). Answers may come in another order than the questions. */
  #answerConnection(socket: Socket, signal: AbortSignal): void {
    let received: Buffer = Buffer.alloc(0);
    let inWork = 0;
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    const readNext = () => {
      while (inWork < pipelinedMax && received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const message = received.subarray(2, end);
        received = received.subarray(end);
        inWork++;
        void this.#answer(message, 'tcp', signal).then((answer) => {
          inWork--;
          if (!answer) return void socket.destroy();
          if (!socket.destroyed) socket.write(Buffer.concat([lengthPrefix(answer.length), answer]));
          readNext();
        });
      }
      if (inWork >= pipelinedMax) socket.pause();
      else socket.resume();
    };
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length > 2 * messageBytesMax) return void socket.destroy();
      readNext();
    });
  }

  async #answer(message: Buffer, transport: 'udp' | 'tcp', signal: AbortSignal): Promise<Buffer | undefined> {
    try {
      return await this.#deps.handle(message, transport, signal);
    } catch (error) {
      if (!signal.aborted) this.#deps.log.error({ err: error }, 'DNS query failed');
      return undefined;
    }
  }
}

async function listenUdp(udp: UdpSocket, { address, port }: DnsServerOptions): Promise<number> {
  const listening = Promise.race([once(udp, 'listening'), once(udp, 'error').then(([error]) => Promise.reject(error))]);
  udp.bind(port, address);
  await listening;
  return udp.address().port;
}

async function listenTcp(tcp: Server, address: string, port: number): Promise<void> {
  const listening = Promise.race([once(tcp, 'listening'), once(tcp, 'error').then(([error]) => Promise.reject(error))]);
  tcp.listen({ host: address, port });
  await listening;
}
