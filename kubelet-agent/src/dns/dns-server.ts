import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import { backoffMs } from '@slipway/kit/backoff';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Asker } from './dns-metrics.ts';
import { lengthPrefix } from './forward/exchange.ts';
import type { QueryHandler } from './query-handler.ts';
import { tcpBytesMax } from './wire/record-types.ts';

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
/** So that one pod does not take them all. */
const connectionsPerAddressMax = 32;
const idleMs = 10_000;
/** Questions of one connection in work at once; the next is read when one is answered. */
const pipelinedMax = 16;
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
      udp.on('message', (message, from) => this.#answerDatagram(udp, message, from, signal));
      tcp.on('connection', (socket) => {
        const { remoteAddress } = socket;
        const others = [...connections].filter((each) => each.remoteAddress === remoteAddress).length;
        if (others >= connectionsPerAddressMax) return void socket.destroy();
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

  #answerDatagram(
    udp: UdpSocket,
    message: Buffer,
    { address, port }: { readonly address: string; readonly port: number },
    signal: AbortSignal,
  ): void {
    // The socket may have been closed meanwhile; the client will ask again.
    const send = (answer: Buffer | undefined) => {
      if (answer && !signal.aborted) udp.send(answer, port, address, ignoreResult);
    };
    const answer = this.#answer(message, { transport: 'udp', address }, signal);
    if (answer instanceof Promise) void answer.then(send);
    else send(answer);
  }

  /** Messages with a length before each (RFC 1035, 4.2.2). Answers may come in another order than the questions. */
  #answerConnection(socket: Socket, signal: AbortSignal): void {
    let received: Buffer = Buffer.alloc(0);
    let inWork = 0;
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    const from: Asker = { transport: 'tcp', address: socket.remoteAddress ?? '' };
    const readNext = () => {
      while (inWork < pipelinedMax && received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const message = received.subarray(2, end);
        received = received.subarray(end);
        inWork++;
        void Promise.resolve(this.#answer(message, from, signal)).then((answer) => {
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
      if (received.length > 2 * tcpBytesMax) return void socket.destroy();
      readNext();
    });
  }

  #answer(message: Buffer, from: Asker, signal: AbortSignal): Buffer | undefined | Promise<Buffer | undefined> {
    const failed = (error: unknown): undefined => {
      if (!signal.aborted) this.#deps.log.error({ err: error }, 'DNS query failed');
      return undefined;
    };
    try {
      const answer = this.#deps.handle(message, from, signal);
      return answer instanceof Promise ? answer.catch(failed) : answer;
    } catch (error) {
      return failed(error);
    }
  }
}

/** A client that is gone does not get its answer; that is nothing to us. */
function ignoreResult(): void {}

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
