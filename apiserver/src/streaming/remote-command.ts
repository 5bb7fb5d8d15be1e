/**
 * Exec and attach. A WebSocket client speaks with the agent directly: the connection is passed on byte for byte.
 * A SPDY client's streams are carried over the agent's WebSocket channels.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { AgentAddress, AgentConnection } from './agent-connection.ts';
import { readText, statusFrom } from './agent-connection.ts';
import { channelMessage, channelProtocols, channels, closeMessage } from './channel-protocol.ts';
import { SpdySession, type SpdyStream } from './spdy/spdy-session.ts';
import { asksFor, headerList, splice, switchProtocols, type UpgradeRequest } from './upgrade-request.ts';

/** Version 4 carries the exit code as a Status on the error stream; the older ones cannot. */
const spdyProtocol = 'v4.channel.k8s.io';
/** What may wait for a slow agent before the client is paused. */
const bufferedBytesMax = 1024 * 1024;

export interface RemoteCommand {
  readonly address: AgentAddress;
  /** The agent's path with its query. */
  readonly path: string;
  /** Streams that the client will open, beside `error`. */
  readonly streams: ReadonlySet<'stdin' | 'stdout' | 'stderr' | 'resize'>;
}

/** Resolves when the command's connection has ended. Throws `StatusError` as long as plain HTTP can still be answered. */
export async function runRemoteCommand(
  request: UpgradeRequest,
  command: RemoteCommand,
  agents: AgentConnection,
): Promise<void> {
  if (asksFor(request, 'spdy/3.1')) return overSpdy(request, command, agents);
  return passWebSocketOn(request, command.address, command.path, agents);
}

/** The agent answers the handshake itself, so that versions and keys are negotiated end to end. */
export async function passWebSocketOn(
  request: UpgradeRequest,
  address: AgentAddress,
  path: string,
  agents: AgentConnection,
): Promise<void> {
  const headers: Record<string, string> = { connection: 'Upgrade', upgrade: 'websocket' };
  for (const name of ['sec-websocket-key', 'sec-websocket-version', 'sec-websocket-protocol'] as const) {
    // Tokens of browsers travel as a protocol; they are not the agent's business.
    const value = headerList(request, name).filter((part) => !part.startsWith('base64url.bearer.'));
    if (value.length > 0) headers[name] = value.join(', ');
  }
  const { response, socket, head } = await agents.upgrade(address, path, headers);
  if (!socket) throw statusFrom(await readText(response), response.statusCode ?? 500);
  const answer: Record<string, string> = { Upgrade: 'websocket' };
  for (const name of ['sec-websocket-accept', 'sec-websocket-protocol'] as const) {
    const value = response.headers[name];
    if (typeof value === 'string') answer[name] = value;
  }
  switchProtocols(request, answer);
  if (head && head.length > 0) request.socket.write(head);
  if (request.head.length > 0) socket.write(request.head);
  await splice(request.socket, socket);
}

async function overSpdy(request: UpgradeRequest, command: RemoteCommand, agents: AgentConnection): Promise<void> {
  // Connect first: a failure can then still be told in plain HTTP.
  const agent = await agents.webSocket(command.address, command.path, channelProtocols);
  const carrier = new StreamCarrier(agent, command.streams);
  switchProtocols(request, { Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': spdyProtocol });
  const session = new SpdySession(request.socket, request.head, (stream) => carrier.take(stream));
  agent.once('close', () => carrier.end(() => session.close()));
  await session.closed;
  agent.close();
}

/** Carries the streams of one command over the channels of one WebSocket. */
class StreamCarrier {
  readonly #agent: WebSocket;
  readonly #expected: Set<string>;
  readonly #outputs = new Map<number, Duplex>();
  /** Messages that came before the client had opened all of its streams. The agent is paused meanwhile, so they are few. */
  readonly #early: Buffer[] = [];

  constructor(agent: WebSocket, streams: RemoteCommand['streams']) {
    this.#agent = agent;
    this.#expected = new Set([...streams, 'error']);
    agent.pause();
    agent.on('message', (data: Buffer) => this.#deliver(data));
    agent.on('error', () => agent.terminate());
  }

  take(stream: SpdyStream): void {
    const type = stream.headers.streamtype ?? '';
    const channel = channels[type as keyof typeof channels];
    if (type === 'stdin' || type === 'resize') this.#forward(stream, channel);
    else if (channel !== undefined) this.#outputs.set(channel, stream);
    this.#expected.delete(type);
    if (this.#expected.size > 0) return;
    for (const message of this.#early.splice(0)) this.#deliver(message);
    this.#agent.resume();
  }

  /** Ends the outputs, then tells when they are flushed. */
  end(done: () => void): void {
    const open = [...this.#outputs.values()].filter((stream) => !stream.destroyed);
    let left = open.length;
    if (left === 0) done();
    for (const stream of open) {
      stream.end(() => {
        if (--left === 0) done();
      });
    }
  }

  #forward(stream: SpdyStream, channel: number): void {
    stream.on('data', (chunk: Buffer) => {
      this.#agent.send(channelMessage(channel, chunk), () => stream.resume());
      if (this.#agent.bufferedAmount > bufferedBytesMax) stream.pause();
    });
    stream.once('end', () => {
      if (this.#agent.protocol === 'v5.channel.k8s.io') this.#agent.send(closeMessage(channel));
    });
  }

  #deliver(message: Buffer): void {
    if (this.#expected.size > 0) {
      this.#early.push(message);
      return;
    }
    const stream = this.#outputs.get(message[0] ?? -1);
    if (!stream || stream.destroyed || message.length === 1) return;
    if (stream.write(message.subarray(1))) return;
    this.#agent.pause();
    stream.once('drain', () => this.#agent.resume());
  }
}
