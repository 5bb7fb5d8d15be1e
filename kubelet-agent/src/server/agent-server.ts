/**
 * The agent's HTTPS server with the kubelet's paths:
 *
 *   GET /healthz   /pods   /stats/summary   /metrics   /metrics/resource
 *   GET /containerLogs/NAMESPACE/POD/CONTAINER?follow&tailLines&sinceSeconds&sinceTime&timestamps&previous&limitBytes
 *   WebSocket /exec/NAMESPACE/POD/CONTAINER?command=..&input&output&error&tty      (v5, v4.channel.k8s.io)
 *   WebSocket /attach/NAMESPACE/POD/CONTAINER?input&output&error&tty
 *   WebSocket /portForward/NAMESPACE/POD?port=N                                    (v1.portforward.slipway.dev)
 *
 * Only the API server is served: it has authenticated and authorised the user. Everybody else is turned away after the
 * handshake. A refusal before a stream begins is an HTTP answer whose body is a `Status`, to be passed on as it is.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TLSSocket } from 'node:tls';
import { StatusError } from '@slipway/api/status-error';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { type WebSocket, WebSocketServer } from 'ws';
import { type ExecSession, isRuntimeError, type RuntimeService } from '../runtime/cri.ts';
import { flag, type LogsDeps, openLogs } from './container-logs-route.ts';
import { findPod, readySandbox, runningContainer } from './find-container.ts';
import { closeReason, joinPort, portForwardProtocol } from './port-forward.ts';
import type { StatsSummary } from './stats-summary.ts';
import { channelProtocols, joinChannels, type StreamedProcess } from './stream-channels.ts';

export interface AgentServerDeps extends LogsDeps {
  readonly runtime: RuntimeService;
  readonly stats: Pick<StatsSummary, 'summary' | 'resourceMetrics'>;
  readonly metrics: () => string;
  readonly log: Logger;
}

export interface AgentServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string };
}

export interface AgentServer {
  readonly port: number;
  /** New connections are shown this certificate. */
  useCertificate(pair: { readonly cert: string; readonly key: string }): void;
  /** Takes no more calls, ends the streams that are open and resolves when all are closed. */
  close(): Promise<void>;
}

/** Connections of the API server: one per stream. Beyond it new ones are refused by the kernel's queue. */
const connectionsMax = 2048;
const messageBytesMax = 4 * 1024 * 1024;

export async function startAgentServer(deps: AgentServerDeps, options: AgentServerOptions): Promise<AgentServer> {
  const stop = new AbortController();
  const { cert, key, clientCa: ca } = options.tls;
  const server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' });
  server.maxConnections = connectionsMax;
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: messageBytesMax,
    perMessageDeflate: false,
    handleProtocols: chooseProtocol,
  });
  server.on('request', (request, response) => {
    serve(request, response, { deps, signal: stop.signal }).catch((error: unknown) => {
      if (!stop.signal.aborted) deps.log.warn({ error: messageOf(error), path: request.url }, 'request failed');
      response.destroy();
    });
  });
  server.on('upgrade', (request, socket, head) => {
    upgrade({ request, socket, head }, sockets, { deps, signal: stop.signal }).catch((error: unknown) => {
      deps.log.warn({ error: messageOf(error), path: request.url }, 'stream failed');
      socket.destroy();
    });
  });
  server.on('tlsClientError', () => {}); // a caller without our CA's certificate
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    useCertificate: (pair) => server.setSecureContext({ ...pair, ca, minVersion: 'TLSv1.2' }),
    close: () =>
      new Promise((resolve) => {
        stop.abort();
        server.close(() => resolve());
        for (const socket of sockets.clients) socket.terminate();
        server.closeAllConnections();
      }),
  };
}

interface Serving {
  readonly deps: AgentServerDeps;
  readonly signal: AbortSignal;
}

function listen(server: Server, { host, port }: AgentServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(new Error(listenProblem(error, host, port), { cause: error }));
    server.once('error', fail);
    server.listen({ host, port }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function listenProblem(error: Error, host: string, port: number): string {
  const taken = 'the port is taken by another process; choose another one with --agent-port';
  return `the node agent cannot listen on ${host}:${port}: ${errnoOf(error) === 'EADDRINUSE' ? taken : messageOf(error)}`;
}

/** As what an API server comes; an administrator's certificate serves as well. */
const apiServerUsers: readonly unknown[] = ['kube-apiserver-kubelet-client', 'kube-apiserver'];
const adminGroup = 'system:masters';

function authorize(request: IncomingMessage): void {
  const subject = (request.socket as TLSSocket).getPeerCertificate().subject ?? {};
  const groups: readonly unknown[] = [subject.O].flat();
  if (apiServerUsers.includes(subject.CN) || groups.includes(adminGroup)) return;
  throw new StatusError('Forbidden', 'only the API server may call the node agent');
}

async function serve(request: IncomingMessage, response: ServerResponse, serving: Serving): Promise<void> {
  const own = new AbortController();
  response.once('close', () => own.abort());
  serving.signal.addEventListener('abort', () => own.abort(), { once: true, signal: own.signal });
  try {
    authorize(request);
    await route(request, response, serving.deps, own.signal);
  } catch (error) {
    if (response.headersSent) throw error;
    answerError(response, error);
  }
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  deps: AgentServerDeps,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://agent');
  const [first, namespace = '', name = '', container = ''] = segments(url);
  if (request.method !== 'GET') throw new StatusError('MethodNotAllowed', `${request.method} is not supported`);
  switch (first) {
    case 'healthz':
      return answer(response, 'text/plain', 'ok');
    case 'pods':
      return answer(response, 'application/json', podList(deps));
    case 'stats':
      return answer(response, 'application/json', JSON.stringify(await deps.stats.summary(signal)));
    case 'metrics': {
      const text = namespace === 'resource' ? await deps.stats.resourceMetrics(signal) : deps.metrics();
      return answer(response, 'text/plain; version=0.0.4', text);
    }
    case 'containerLogs': {
      const pod = findPod(namespace, name, deps);
      const lines = await openLogs({ pod, container, query: url.searchParams }, deps, signal);
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.flushHeaders();
      return pipeline(Readable.from(lines, { objectMode: false }), response).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
    default:
      throw new StatusError('NotFound', `the node agent does not serve ${url.pathname}`);
  }
}

function segments(url: URL): string[] {
  return url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
}

function podList({ pods }: AgentServerDeps): string {
  return JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: pods() });
}

function answer(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { 'content-type': type }).end(body);
}

function answerError(response: ServerResponse, error: unknown): void {
  const status = statusFrom(error);
  response.writeHead(status.code, { 'content-type': 'application/json' }).end(JSON.stringify(status.toStatus()));
}

function statusFrom(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  if (isRuntimeError(error, 'notFound')) return new StatusError('NotFound', error.message, { cause: error });
  return new StatusError('InternalError', messageOf(error), { cause: error });
}

function chooseProtocol(offered: Set<string>): string | false {
  return [...channelProtocols, portForwardProtocol].find((protocol) => offered.has(protocol)) ?? false;
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

type Join = (socket: WebSocket, signal: AbortSignal) => Promise<void>;

async function upgrade(call: Upgrade, sockets: WebSocketServer, serving: Serving): Promise<void> {
  const { request, socket, head } = call;
  socket.on('error', () => socket.destroy());
  let join: Join;
  try {
    authorize(request);
    join = await prepareStream(request, serving.deps, serving.signal);
  } catch (error) {
    const status = statusFrom(error);
    const body = JSON.stringify(status.toStatus());
    socket.end(
      `HTTP/1.1 ${status.code} ${status.reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
    return;
  }
  sockets.handleUpgrade(request, socket, head, (ws) => {
    const own = new AbortController();
    ws.once('close', () => own.abort());
    ws.on('error', () => ws.terminate());
    // Nobody listens before the process or the connection is there; `join` lets the first message through.
    ws.pause();
    join(ws, own.signal).catch((error: unknown) => {
      serving.deps.log.debug({ error: messageOf(error), path: request.url }, 'stream broken');
      ws.resume();
      ws.close(1011, closeReason(messageOf(error)));
    });
  });
}

/** Checks everything that can be refused before the stream begins. */
async function prepareStream(request: IncomingMessage, deps: AgentServerDeps, signal: AbortSignal): Promise<Join> {
  const url = new URL(request.url ?? '/', 'https://agent');
  const [first, namespace = '', name = '', container = ''] = segments(url);
  const query = url.searchParams;
  const { runtime } = deps;
  const pod = findPod(namespace, name, deps);
  const wants = { stdin: flag(query, 'input', 'stdin'), tty: flag(query, 'tty') };
  const shown = { stdout: flag(query, 'output', 'stdout'), stderr: flag(query, 'error', 'stderr') };
  switch (first) {
    case 'exec': {
      const cmd = query.getAll('command');
      if (cmd.length === 0) throw new StatusError('BadRequest', 'you must specify at least 1 command');
      const { id } = await runningContainer(pod, container, deps, signal);
      return async (socket, own) => {
        const session = await runtime.exec({ containerId: id, cmd, ...wants }, own);
        await joinChannels(socket, { ...only(session, shown), ended: session.exitCode }, cmd);
      };
    }
    case 'attach': {
      const { id } = await runningContainer(pod, container, deps, signal);
      return async (socket, own) => {
        const session = await runtime.attach({ containerId: id, ...wants }, own);
        await joinChannels(socket, { ...only(session, shown), ended: session.closed.then(() => undefined) }, []);
      };
    }
    case 'portForward': {
      const port = Number(query.get('port'));
      if (!Number.isInteger(port) || port < 1 || port > 65_535)
        throw new StatusError('BadRequest', `invalid port "${query.get('port') ?? ''}"`);
      const sandbox = await readySandbox(pod, deps, signal);
      return async (socket, own) => joinPort(socket, await runtime.portForward(sandbox, port, own));
    }
    default:
      throw new StatusError('NotFound', `the node agent does not serve ${url.pathname}`);
  }
}

/** A stream that nobody wants to see is drained, so that it does not stop the process. */
function only(
  session: Pick<ExecSession, 'stdin' | 'stdout' | 'stderr' | 'resize'>,
  shown: { readonly stdout: boolean; readonly stderr: boolean },
): Omit<StreamedProcess, 'ended'> {
  const { stdin, stdout, stderr } = session;
  if (!shown.stdout) stdout.resume();
  if (!shown.stderr) stderr?.resume();
  return {
    stdin,
    stdout: shown.stdout ? stdout : undefined,
    stderr: shown.stderr ? stderr : undefined,
    resize: (size) => session.resize(size),
  };
}
