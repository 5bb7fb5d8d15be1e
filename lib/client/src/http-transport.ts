/**
 * The transport over HTTP. One keep-alive agent per server; a watch holds a connection of its own while it runs.
 *
 * What is tried again here, and what is not: an answer of 429 was not processed by the server, so any request is sent
 * again after `Retry-After`; a connection that broke is tried again once, for reads only. All other failures go to the
 * caller, who alone knows whether a write may have happened.
 */
import {
  request as requestHttp,
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions as NodeRequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { causeHeader } from '@slipway/api/cause';
import { isStatus, type Status, StatusError } from '@slipway/api/status-error';
import {
  type ApiRequest,
  patchTypes,
  type Transport,
  type WatchEvent,
  type WatchRequest,
} from '@slipway/api/transport';
import { childSignal, DeadlineError } from '@slipway/kit/abort';
import type { Clock } from '@slipway/kit/clock';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import { type BearerToken, createBearerToken } from './bearer-token.ts';
import type { Connection } from './kubeconfig.ts';
import { LineSplitter } from './line-splitter.ts';
import { pathOf, queryOf } from './resource-url.ts';
import { statusErrorFromBody, statusErrorFromStatus } from './status-from-response.ts';

export interface HttpTransportOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly userAgent?: string;
  /** In place of what the connection says. */
  readonly bearerToken?: BearerToken;
  /** For one answer that is not a watch; 60 s when not given, as long as the server itself allows. */
  readonly requestTimeoutMs?: number;
  /** Connections kept for requests; 64 when not given. */
  readonly socketsMax?: number;
}

export interface HttpTransport extends Transport {
  /** GET of a path that is no resource, such as `/apis` or `/version`; the answer's JSON. Throws `StatusError`. */
  read(path: string, signal: AbortSignal): Promise<unknown>;
  /** Closes idle connections. Running requests and watches end by their own signals. */
  close(): void;
}

/** An answer larger than this is refused rather than read into memory. */
const bodyBytesMax = 512 * 1024 * 1024;
/** One watch event; the server's own limit for an object is far below. */
const eventBytesMax = 16 * 1024 * 1024;
const tooManyRequestsTriesMax = 5;
const retryAfterSecondsMax = 30;
/** What a watch may last longer than it was asked to before it is cut. */
const watchGraceMs = 30_000;
const watchSecondsDefault = 600;

const methods: Readonly<Record<ApiRequest['verb'], string>> = {
  get: 'GET',
  list: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};

export function createHttpTransport(options: HttpTransportOptions): HttpTransport {
  const sender = new Sender(options);
  return {
    send: (request, signal) => sender.send(request, signal),
    watch: (request, signal) => sender.watch(request, signal),
    read: (path, signal) => sender.sendCall({ method: 'GET', path, signal }),
    close: () => sender.close(),
  };
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
  readonly cause?: string | undefined;
  readonly signal: AbortSignal;
}

class Sender {
  readonly #clock: Clock;
  readonly #base: URL;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #watchAgent: HttpAgent | HttpsAgent;
  readonly #token: BearerToken;
  readonly #requestTimeoutMs: number;
  readonly #userAgent: string;

  constructor({ connection, clock, userAgent, bearerToken, requestTimeoutMs, socketsMax }: HttpTransportOptions) {
    this.#clock = clock;
    this.#base = new URL(connection.server);
    this.#token = bearerToken ?? createBearerToken(connection, clock);
    this.#requestTimeoutMs = requestTimeoutMs ?? 60_000;
    this.#userAgent = userAgent ?? 'slipway';
    const { ca, cert, key, tlsServerName: servername, insecureSkipTlsVerify } = connection;
    const common = { keepAlive: true, keepAliveMsecs: 15_000 };
    const tls = { ca, cert, key, servername, rejectUnauthorized: !insecureSkipTlsVerify };
    const create = (maxSockets: number) =>
      this.#base.protocol === 'https:'
        ? new HttpsAgent({ ...common, ...defined(tls), maxSockets })
        : new HttpAgent({ ...common, maxSockets });
    this.#agent = create(socketsMax ?? 64);
    // Watches never wait for each other, nor do requests for watches.
    this.#watchAgent = create(Number.POSITIVE_INFINITY);
  }

  close(): void {
    this.#agent.destroy();
    this.#watchAgent.destroy();
  }

  send(request: ApiRequest, signal: AbortSignal): Promise<unknown> {
    const { verb, path, options, body, patchType, cause } = request;
    const call: Call = {
      method: methods[verb],
      path: pathOf(path) + queryOf({ ...options }),
      body: body === undefined ? undefined : JSON.stringify(body),
      contentType: verb === 'patch' ? patchTypes[patchType ?? 'merge'] : 'application/json',
      cause: cause ? JSON.stringify(cause) : undefined,
      signal,
    };
    return this.sendCall(call);
  }

  async sendCall(call: Call): Promise<unknown> {
    let broken = 0;
    for (let tries = 1; ; tries++) {
      try {
        return await this.#sendOnce(call);
      } catch (error) {
        if (isStatus(error, 'TooManyRequests') && tries < tooManyRequestsTriesMax) {
          const seconds = Math.min(error.details?.retryAfterSeconds ?? 1, retryAfterSecondsMax);
          await this.#clock.sleep(seconds * 1000, call.signal);
        } else if (call.method === 'GET' && isBrokenConnection(error) && broken === 0) broken++;
        else throw error;
      }
    }
  }

  async *watch({ path, options }: WatchRequest, signal: AbortSignal): AsyncGenerator<readonly WatchEvent[]> {
    const lastsMs = (options?.timeoutSeconds ?? watchSecondsDefault) * 1000 + watchGraceMs;
    const deadline = this.#deadline(signal, lastsMs, 'watch');
    try {
      const query = queryOf({ ...options, watch: true });
      const call: Call = { method: 'GET', path: pathOf(path) + query, signal: deadline.signal };
      const response = await this.#open(call, this.#watchAgent);
      try {
        if (response.statusCode !== 200) throw await failureOf(response);
        const lines = new LineSplitter(eventBytesMax);
        for await (const chunk of response) {
          const { events, failure } = eventsFromLines(lines.push(chunk as Buffer));
          if (events.length > 0) yield events;
          if (failure) throw failure;
        }
      } finally {
        response.destroy();
      }
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      deadline.clear();
    }
  }

  async #sendOnce(call: Call): Promise<unknown> {
    const deadline = this.#deadline(call.signal, this.#requestTimeoutMs, `${call.method} ${call.path}`);
    try {
      const response = await this.#open({ ...call, signal: deadline.signal }, this.#agent);
      if ((response.statusCode ?? 500) >= 300) throw await failureOf(response);
      const text = await readBody(response);
      return text === '' ? undefined : JSON.parse(text);
    } catch (error) {
      if (call.signal.aborted) throw call.signal.reason;
      if (deadline.signal.aborted) throw deadline.signal.reason;
      throw error;
    } finally {
      deadline.clear();
    }
  }

  async #open(call: Call, agent: HttpAgent | HttpsAgent): Promise<IncomingMessage> {
    const token = await this.#token();
    const prefix = this.#base.pathname.replace(/\/$/, '');
    const options: NodeRequestOptions = {
      agent,
      method: call.method,
      host: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port || (this.#base.protocol === 'https:' ? 443 : 80),
      path: prefix + call.path,
      headers: defined({
        accept: 'application/json',
        'user-agent': this.#userAgent,
        authorization: token ? `Bearer ${token}` : undefined,
        'content-type': call.body === undefined ? undefined : call.contentType,
        'content-length': call.body === undefined ? undefined : Buffer.byteLength(call.body),
        [causeHeader]: call.cause ? asciiJson(call.cause) : undefined,
      }),
    };
    const start = this.#base.protocol === 'https:' ? requestHttps : requestHttp;
    return answerOf(start(options), call);
  }

  #deadline(parent: AbortSignal, ms: number, what: string) {
    const child = childSignal(parent);
    const cancel = this.#clock.after(ms, () => child.abort(new DeadlineError(`${what}: no answer within ${ms} ms`)));
    return {
      signal: child.signal,
      clear: () => {
        cancel();
        child.abort();
      },
    };
  }
}

/** Sends the body and waits for the head of the answer. The signal destroys the request, also while it streams. */
function answerOf(request: ClientRequest, { body, signal }: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const onAbort = () => void request.destroy(signal.reason instanceof Error ? signal.reason : undefined);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    request.once('close', () => signal.removeEventListener('abort', onAbort));
    request.once('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
}

async function failureOf(response: IncomingMessage): Promise<StatusError> {
  const error = statusErrorFromBody(response.statusCode ?? 500, await readBody(response));
  const retryAfterSeconds = Number(response.headers['retry-after']);
  if (!Number.isFinite(retryAfterSeconds) || error.details?.retryAfterSeconds !== undefined) return error;
  const details = { ...error.details, retryAfterSeconds };
  return new StatusError(error.reason, error.message, { code: error.code, details });
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    if (size > bodyBytesMax) throw new Error(`answer larger than ${bodyBytesMax} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

/** What came before an error is still true, so it is handed on before the error is thrown. */
function eventsFromLines(lines: readonly string[]): { readonly events: WatchEvent[]; readonly failure?: StatusError } {
  const events: WatchEvent[] = [];
  for (const line of lines) {
    const event = JSON.parse(line) as { type: string; object: unknown };
    if (event.type === 'ERROR') return { events, failure: statusErrorFromStatus(event.object as Status) };
    events.push(event as WatchEvent);
  }
  return { events };
}

/** Connection failures before any answer came, by the names that the platform gives them. */
function isBrokenConnection(error: unknown): boolean {
  const code = errnoOf(error);
  return code === 'ECONNRESET' || code === 'EPIPE' || messageOf(error) === 'socket hang up';
}

/** A header holds bytes: everything past ASCII is escaped the way JSON allows. */
function asciiJson(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function defined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>;
}
