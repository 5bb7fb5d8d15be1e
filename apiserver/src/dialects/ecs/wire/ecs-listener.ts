/**
 * One port for both: TLS with the cluster's serving certificate for everybody, and plain HTTP for clients on this machine's loopback, whose
 * requests are signed all the same. Which of them a connection speaks is seen from its first byte.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createNetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import type { KeyPair } from '../../../pki/issue-certificate.ts';

export interface EcsListenerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly tls: KeyPair;
  readonly connectionsMax: number;
  readonly headerBytesMax: number;
  readonly requestMsMax?: number;
  readonly firstByteMsMax?: number;
  receive(request: IncomingMessage, response: ServerResponse): void;
  /** Whoever is called owns the socket from then on. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export interface EcsListener {
  /** Throws an error of one line when the address is taken. */
  listen(): Promise<AddressInfo>;
  useCertificate(pair: KeyPair): void;
  /** Takes no more connections; resolves when those that there are have ended, at the latest when `givingUp` aborts. */
  close(givingUp: AbortSignal): Promise<void>;
}

const tlsHandshake = 0x16;
const keepAliveTimeoutMs = 120_000;
/** A client that sends its headers or its body slower than this is cut off. */
const defaultRequestMsMax = 60_000;
/** A connection that says nothing for so long was not meant for us. */
const defaultFirstByteMsMax = 30_000;

export function createEcsListener(options: EcsListenerOptions): EcsListener {
  const { host, port, tls } = options;
  const { requestMsMax = defaultRequestMsMax, firstByteMsMax = defaultFirstByteMsMax } = options;
  const shared = {
    maxHeaderSize: options.headerBytesMax,
    keepAliveTimeout: keepAliveTimeoutMs,
    headersTimeout: requestMsMax,
    requestTimeout: requestMsMax,
    connectionsCheckingInterval: Math.min(requestMsMax / 2, 15_000),
    noDelay: true,
    // Some clients offer HTTP/2 in their first request; it is a request like others.
    shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === 'websocket',
  };
  const receive = (request: IncomingMessage, response: ServerResponse) => options.receive(request, response);
  const secure = createHttpsServer({ ...shared, cert: tls.certificate, key: tls.privateKey }, receive);
  const plain = createHttpServer(shared, receive);
  // They never listen themselves, and Node looks after slow and idle connections only of a server that does.
  for (const server of [secure, plain]) server.emit('listening');
  for (const server of [secure, plain]) {
    server.on('upgrade', (request, socket, head) => options.upgrade(request, socket, head));
  }
  const sockets = new Set<Socket>();
  const front = createNetServer({ noDelay: true, pauseOnConnect: false }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.once('error', () => socket.destroy());
    socket.setTimeout(firstByteMsMax, () => socket.destroy());
    socket.once('data', (first) => {
      socket.setTimeout(0).removeAllListeners('timeout').pause();
      const isTls = first[0] === tlsHandshake;
      if (!isTls && !isLoopback(socket.remoteAddress)) {
        socket.end(httpsOnly);
        return;
      }
      socket.unshift(first);
      (isTls ? secure : plain).emit('connection', socket);
      // TLS takes what was put back from the paused socket; HTTP waits for it to flow.
      if (!isTls) socket.resume();
    });
  });
  front.maxConnections = options.connectionsMax;
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        front.once('error', (error) => reject(listenError(error, host, port)));
        front.listen({ host, port }, () => resolve(front.address() as AddressInfo));
      }),
    useCertificate: ({ certificate, privateKey }) => secure.setSecureContext({ cert: certificate, key: privateKey }),
    async close(givingUp) {
      const closed = new Promise<void>((resolve) => front.close(() => resolve()));
      for (const server of [secure, plain]) {
        server.close();
        server.closeIdleConnections();
      }
      const cutAll = () => {
        for (const socket of sockets) socket.destroy();
      };
      if (givingUp.aborted) cutAll();
      else givingUp.addEventListener('abort', cutAll, { once: true });
      await closed;
      givingUp.removeEventListener('abort', cutAll);
    },
  };
}

const httpsOnly = ['HTTP/1.1 400 Bad Request', 'Content-Length: 0', 'Connection: close', '', ''].join('\r\n');

function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}

function listenError(error: unknown, host: string, port: number): Error {
  const why =
    errnoOf(error) === 'EADDRINUSE'
      ? 'the port is taken by another process; choose another one with --ecs-port'
      : messageOf(error);
  return new Error(`listen on ${host}:${port} for the ECS API: ${why}`, { cause: error });
}
