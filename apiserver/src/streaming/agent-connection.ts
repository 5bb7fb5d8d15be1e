/** How the API server reaches the agent of a node: HTTPS with its own client certificate, the agent's checked against the cluster's CA. */
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { agentAuthorityAnnotation } from '@slipway/api/annotations';
import { StatusError } from '@slipway/api/status-error';
import type { Node, Pod } from '@slipway/api/types';
import { WebSocket } from 'ws';

export interface AgentCredentials {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export interface AgentAddress {
  readonly host: string;
  readonly port: number;
  readonly nodeName: string;
  /** PEM of the authority that the node itself announced for its agent's certificate. */
  readonly authority: string | undefined;
}

const agentPortDefault = 10250;
/** An agent that does not answer in this time counts as away. */
const connectTimeoutMs = 10_000;
/** Largest WebSocket message that an agent may send; it sends at most 64 KiB at a time. */
const messageBytesMax = 4 * 1024 * 1024;

/** Throws `StatusError` when the pod has no node yet or the node has no address. */
export function agentAddress(pod: Pod, node: Node | undefined): AgentAddress {
  const { name = '' } = pod.metadata;
  const nodeName = pod.spec.nodeName;
  if (!nodeName) throw new StatusError('BadRequest', `pod ${name} does not have a host assigned`);
  return agentAddressOfNode(nodeName, node);
}

/** Throws `StatusError` when the node has no address. */
export function agentAddressOfNode(nodeName: string, node: Node | undefined): AgentAddress {
  const addresses = node?.status?.addresses ?? [];
  const host = addresses.find(({ type }) => type === 'InternalIP')?.address ?? addresses[0]?.address;
  if (!host) throw new StatusError('ServiceUnavailable', `node "${nodeName}" has no address to reach its agent at`);
  const port = node?.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? agentPortDefault;
  return { host, port, nodeName, authority: node?.metadata.annotations?.[agentAuthorityAnnotation] };
}

export class AgentConnection {
  readonly #credentials: AgentCredentials;
  readonly #agent: Agent;

  constructor(credentials: AgentCredentials) {
    this.#credentials = credentials;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 256 });
  }

  /** A plain GET whose answer is read as a stream. */
  get(address: AgentAddress, path: string, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest({
        ...this.#target(address, path),
        ...this.#tls(address),
        agent: this.#agent,
        signal,
      });
      request.once('response', resolve);
      request.once('error', (cause) => reject(unreachable(address, cause)));
      request.end();
    });
  }

  /** A connection to the agent itself, on which HTTP is to be spoken. */
  dial(address: AgentAddress): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const { host, port } = address;
      const socket = connect({ host, port, ...this.#tls(address), timeout: connectTimeoutMs });
      socket.once('timeout', () => socket.destroy(new Error('no answer')));
      socket.once('error', (cause) => reject(unreachable(address, cause)));
      socket.once('secureConnect', () => {
        socket.setTimeout(0);
        resolve(socket);
      });
    });
  }

  /** Passes an upgrade on as it came; answers the agent's answer and, when it agreed, its side of the connection. */
  upgrade(
    address: AgentAddress,
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<{ response: IncomingMessage; socket?: Duplex; head?: Buffer }> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest({ ...this.#target(address, path), ...this.#tls(address), headers });
      request.once('upgrade', (response, socket, head) => resolve({ response, socket, head }));
      request.once('response', (response) => resolve({ response }));
      request.once('error', (cause) => reject(unreachable(address, cause)));
      request.setTimeout(connectTimeoutMs, () => request.destroy(new Error('no answer')));
      request.once('upgrade', () => request.setTimeout(0));
      request.end();
    });
  }

  /** An open WebSocket with the first protocol of the list that the agent speaks. `onOpen` is called before any message can come. */
  webSocket(
    address: AgentAddress,
    path: string,
    protocols: readonly string[],
    onOpen: (socket: WebSocket) => void = () => {},
  ): Promise<WebSocket> {
    return new Promise((resolve, reject) => {
      const { host, port } = this.#target(address, path);
      const socket = new WebSocket(`wss://${bracketed(String(host))}:${port}${path}`, [...protocols], {
        ...this.#tls(address),
        handshakeTimeout: connectTimeoutMs,
        maxPayload: messageBytesMax,
        perMessageDeflate: false,
      });
      socket.once('open', () => {
        onOpen(socket);
        resolve(socket);
      });
      socket.once('unexpected-response', (_request, response) => {
        readText(response).then(
          (text) => reject(statusFrom(text, response.statusCode ?? 500)),
          (cause) => reject(unreachable(address, cause)),
        );
      });
      socket.once('error', (cause) => reject(unreachable(address, cause)));
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #target(address: AgentAddress, path: string): RequestOptions {
    return { host: address.host, port: address.port, path, method: 'GET' };
  }

  #tls({ authority }: AgentAddress) {
    const { ca, certificate, key } = this.#credentials;
    // The agent's certificate is made for its node's addresses; servername stays empty for an IP (RFC 6066).
    return { ca: authority ? [ca, authority] : ca, cert: certificate, key, servername: '' };
  }
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function unreachable(address: AgentAddress, cause: Error): StatusError {
  const message = `error dialing backend: node "${address.nodeName}" at ${address.host}:${address.port}: ${cause.message}`;
  return new StatusError('InternalError', message, { cause, code: 502 });
}

/** Bound on an error's text. */
const textBytesMax = 64 * 1024;

export async function readText(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) {
    text += chunk;
    if (text.length > textBytesMax) break;
  }
  return text;
}

/** What an agent answers with an error: a Status, or plain text. */
export function statusFrom(text: string, code: number): StatusError {
  try {
    const status = JSON.parse(text) as { kind?: string; message?: string; reason?: string };
    if (status.kind === 'Status' && status.message) text = status.message;
  } catch {
    // plain text
  }
  const reason = code === 404 ? 'NotFound' : code === 400 ? 'BadRequest' : code === 403 ? 'Forbidden' : 'InternalError';
  return new StatusError(reason, text.trim() || `the node's agent answered with ${code}`, { code });
}
