/** HTTP of the metadata endpoints of all pods: one server, fed with connections that say whose they are. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { MetadataAnswer, MetadataContainer, MetadataForm } from './metadata-form.ts';

/** Requests are a line and a few headers; the only body is a few numbers. */
const headerBytesMax = 8 * 1024;
const bodyBytesMax = 8 * 1024;
const headersTimeoutMs = 5_000;
const requestTimeoutMs = 10_000;
const idleMs = 5_000;

/** As of ECS' agent, for each network namespace: who asks more often has made a mistake, and the node's other pods pay for it. */
const requestsPerSecond = 40;
const burst = 60;

/** Of one network namespace. */
export interface MetadataAsker {
  find(id: string): MetadataContainer | undefined;
}

export interface MetadataServerDeps {
  readonly form: MetadataForm;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Allowance {
  left: number;
  atMs: number;
}

export class MetadataServer {
  readonly #deps: MetadataServerDeps;
  readonly #server: Server;
  readonly #askers = new WeakMap<Socket, MetadataAsker>();
  readonly #allowances = new WeakMap<MetadataAsker, Allowance>();

  constructor(deps: MetadataServerDeps) {
    this.#deps = deps;
    this.#server = createServer({ maxHeaderSize: headerBytesMax, keepAliveTimeout: idleMs }, (request, response) => {
      void this.#serve(request, response);
    });
    this.#server.headersTimeout = headersTimeoutMs;
    this.#server.requestTimeout = requestTimeoutMs;
  }

  accept(socket: Socket, asker: MetadataAsker): void {
    this.#askers.set(socket, asker);
    socket.on('error', () => socket.destroy());
    this.#server.emit('connection', socket);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { status, body } = await this.#answer(request, response);
      const text = JSON.stringify(body);
      response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
      response.end(text);
    } catch (error) {
      if (!request.socket.destroyed) {
        this.#deps.log.warn({ error: messageOf(error), path: maskedPath(request.url) }, 'metadata request failed');
      }
      response.destroy();
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<MetadataAnswer> {
    const { form } = this.#deps;
    const asker = this.#askers.get(request.socket);
    if (!asker || !this.#mayAsk(asker)) return { status: 429, body: 'Too many requests' };
    const body = await readBody(request);
    if (body === undefined) return { status: 413, body: `The body has more than ${bodyBytesMax} bytes` };
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const method = request.method ?? 'GET';
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      return await form.answer({ method, path, body, find: (id) => asker.find(id) }, gone.signal);
    } catch (error) {
      if (!gone.signal.aborted) this.#deps.log.warn({ err: error }, 'metadata could not be collected');
      return { status: 500, body: 'The metadata could not be collected' };
    }
  }

  /** A bucket that fills steadily. */
  #mayAsk(asker: MetadataAsker): boolean {
    const nowMs = this.#deps.clock.monotonicMs();
    const { left, atMs } = this.#allowances.get(asker) ?? { left: burst, atMs: nowMs };
    const now = Math.min(burst, left + ((nowMs - atMs) * requestsPerSecond) / 1000);
    this.#allowances.set(asker, { left: now >= 1 ? now - 1 : now, atMs: nowMs });
    return now >= 1;
  }
}

/** Undefined when it is too long. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > bodyBytesMax) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

/** Without the ID, which opens the endpoint to whoever reads it. */
function maskedPath(path: string | undefined): string {
  return (path ?? '').replace(/[0-9a-f]{32}/g, 'ID');
}
