/**
 * Port-forward. The client opens, per forwarded connection, a pair of SPDY streams with the same request id: `error`
 * and `data`. Newer kubectl tunnels the SPDY connection through a WebSocket. Towards the agent each pair is one
 * WebSocket to one port.
 */
import { Duplex } from 'node:stream';
import { messageOf } from '@slipway/kit/errors';
import { type WebSocket, WebSocketServer } from 'ws';
import type { AgentAddress, AgentConnection } from './agent-connection.ts';
import { SpdySession, type SpdyStream } from './spdy/spdy-session.ts';
import { asksFor, headerList, switchProtocols, type UpgradeRequest } from './upgrade-request.ts';

const forwardProtocol = 'portforward.k8s.io';
const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';
/** Between API server and agent; see the README of the agent's server. */
const agentProtocol = 'v1.portforward.slipway.dev';
const endOfData = 'EOF';

/** Connections whose second stream has not come yet. */
const halfOpenMax = 100;

export interface PortForward {
  readonly address: AgentAddress;
  readonly namespace: string;
  readonly pod: string;
}

/** Resolves when the client has gone. */
export async function runPortForward(
  request: UpgradeRequest,
  forward: PortForward,
  agents: AgentConnection,
): Promise<void> {
  const pairs = new StreamPairs((data, error, port) => void forwardConnection(data, error, port, forward, agents));
  if (asksFor(request, 'spdy/3.1')) {
    switchProtocols(request, { Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': forwardProtocol });
    await new SpdySession(request.socket, request.head, (stream) => pairs.take(stream)).closed;
    return;
  }
  const tunnel = await acceptTunnel(request);
  await new SpdySession(tunnel, Buffer.alloc(0), (stream) => pairs.take(stream)).closed;
}

/** Whether the client speaks a protocol that is served here. */
export function isPortForward(request: UpgradeRequest): boolean {
  return asksFor(request, 'spdy/3.1') || headerList(request, 'sec-websocket-protocol').includes(tunnelProtocol);
}

/**
 * The protocol's name has a slash, which RFC 6455 does not allow in one: the library would refuse it, so the header is
 * answered by hand.
 */
function acceptTunnel(request: UpgradeRequest): Promise<Duplex> {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${tunnelProtocol}`));
  delete request.raw.headers['sec-websocket-protocol'];
  return new Promise((resolve) => {
    server.handleUpgrade(request.raw, request.socket, request.head, (socket) => resolve(duplexOver(socket)));
  });
}

/** The bytes of a WebSocket's binary messages as one stream. Ending it closes the WebSocket. */
function duplexOver(socket: WebSocket): Duplex {
  const duplex = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => socket.send(chunk, (error) => done(error)),
    final: (done) => {
      socket.close();
      done();
    },
    destroy: (error, done) => {
      socket.terminate();
      done(error);
    },
  });
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary && !duplex.push(data)) socket.pause();
  });
  socket.once('close', () => duplex.push(null));
  socket.on('error', (error) => duplex.destroy(error));
  return duplex;
}

class StreamPairs {
  readonly #half = new Map<string, SpdyStream>();
  readonly #onPair: (data: SpdyStream, error: SpdyStream, port: number) => void;

  constructor(onPair: (data: SpdyStream, error: SpdyStream, port: number) => void) {
    this.#onPair = onPair;
  }

  take(stream: SpdyStream): void {
    const { streamtype, requestid = '', port = '' } = stream.headers;
    if (streamtype !== 'data' && streamtype !== 'error') {
      stream.destroy(new Error(`unknown stream type ${JSON.stringify(streamtype)}`));
      return;
    }
    const key = `${port} ${requestid}`;
    const other = this.#half.get(key);
    if (!other) {
      if (this.#half.size >= halfOpenMax)
        stream.destroy(new Error('too many connections wait for their second stream'));
      else this.#half.set(key, stream);
      return;
    }
    this.#half.delete(key);
    const [data, error] = streamtype === 'data' ? [stream, other] : [other, stream];
    this.#onPair(data, error, Number(port));
  }
}

async function forwardConnection(
  data: SpdyStream,
  error: SpdyStream,
  port: number,
  forward: PortForward,
  agents: AgentConnection,
): Promise<void> {
  // The client sends nothing on the error stream; it must be read for its end to be seen.
  error.resume();
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    error.end(`"port" is not a valid port number`);
    data.destroy();
    return;
  }
  try {
    const path = `/portForward/${forward.namespace}/${forward.pod}?port=${port}`;
    const agent = await agents.webSocket(forward.address, path, [agentProtocol]);
    const reason = await carry(data, agent);
    if (reason) error.write(`error forwarding port ${port} to pod ${forward.pod}: ${reason}`);
  } catch (cause) {
    error.write(`error forwarding port ${port} to pod ${forward.pod}: ${messageOf(cause)}`);
  }
  error.end();
  data.end();
}

/** Resolves with the reason when the agent ended the connection because of a failure. */
function carry(data: SpdyStream, agent: WebSocket): Promise<string | undefined> {
  return new Promise((resolve) => {
    data.on('data', (chunk: Buffer) => {
      data.pause();
      agent.send(chunk, () => data.resume());
    });
    data.once('end', () => {
      if (agent.readyState === agent.OPEN) agent.send(endOfData);
    });
    data.once('close', () => agent.close());
    agent.on('message', (message: Buffer, isBinary) => {
      if (!isBinary) {
        data.end();
        return;
      }
      if (data.writableEnded || data.write(message)) return;
      agent.pause();
      data.once('drain', () => agent.resume());
    });
    agent.on('error', () => agent.terminate());
    agent.once('close', (code, reason) => resolve(code === 1011 ? String(reason) : undefined));
  });
}
