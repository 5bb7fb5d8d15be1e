/**
 * The transport over HTTP. Connections are kept; a watch holds a connection of its own while it runs.
 *
 * What is tried again here, and what is not:
 *
 *   429                              not processed by the server: any request, after `Retry-After`
 *   nothing was sent, or 503 that    any request, at the next server, when several are known
 *   says when to come again
 *   connection broke, or the server  reads, at the next server; at the only server once
 *   is silent
 *
 * All other failures go to the caller, who alone knows whether a write may have happened. Whatever failed, what is asked next goes to
 * the next server.
 */
import {
  request as requestHttp,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions as NodeRequestOptions,
} from 'node:http';
import { request as requestHttps } from 'node:https';
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
import { type ApiServerPlace, ApiServers, type ClientPair, type Purpose, SilentServerError } from './api-servers.ts';
import { type BearerToken, createBearerToken } from './bearer-token.ts';
import type { Connection } from './kubeconfig.ts';
import { LineSplitter } from './line-splitter.ts';
import { pathOf, queryOf } from './resource-url.ts';
import { statusErrorFromBody, statusErrorFromStatus } from './status-from-response.ts';

export interface HttpTransportOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly userAgent?: string;
  /** For one answer that is not a watch; 60 s when not given, as long as the server itself allows. */
  readonly requestTimeoutMs?: number;
  /** Connections kept for requests; 64 when not given. */
  readonly socketsMax?: number;
}

export interface HttpTransport extends Transport {
  /** GET of a path that is no resource, such as `/apis` or `/version`; the answer's JSON. Throws `StatusError`. */
  read(path: string, signal: AbortSignal): Promise<unknown>;
  /** The server that is asked next, without a slash at the end. */
  readonly server: string;
  /** The same servers for somebody else, who shows a token and no certificate. What one learns of a server the other knows. Ends with this one. */
  as(user: { readonly bearerToken: BearerToken; readonly userAgent: string }): Transport;
  /** New connections show this certificate; those that are in use end with what they began with. */
  useCertificate(pair: ClientPair): void;
  /** Ends all connections; what is sent from now on makes new ones. For a machine that has got another address. */
  reconnect(): void;
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
  const { connection, clock, socketsMax, requestTimeoutMs = 60_000, userAgent = 'slipway' } = options;
  const servers = new ApiServers(connection, { clock, socketsMax: socketsMax ?? 64 });
  const deps = { servers, clock, requestTimeoutMs };
  const sender = new Sender({ ...deps, userAgent, token: createBearerToken(connection, clock), isBare: false });
  return {
    ...transportOf(sender),
    read: (path, signal) => sender.sendCall({ method: 'GET', path, signal }),
    get server() {
      return servers.current().base.href.replace(/\/$/, '');
    },
    as: ({ bearerToken: token, userAgent }) => transportOf(new Sender({ ...deps, userAgent, token, isBare: true })),
    useCertificate: (pair) => servers.useCertificate(pair),
    reconnect: () => servers.reconnect(),
    close: () => servers.close(),
  };
}

function transportOf(sender: Sender): Transport {
  return {
    send: (request, signal) => sender.send(request, signal),
    watch: (request, signal) => sender.watch(request, signal),
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

interface SenderOptions {
  readonly servers: ApiServers;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly userAgent: string;
  readonly token: BearerToken;
  readonly isBare: boolean;
}

class Sender {
  readonly servers: ApiServers;
  readonly #clock: Clock;
  readonly #token: BearerToken;
  readonly #requestTimeoutMs: number;
  readonly #userAgent: string;
  readonly #purposes: Readonly<Record<'request' | 'watch', Purpose>>;

  constructor({ servers, clock, requestTimeoutMs, userAgent, token, isBare }: SenderOptions) {
    this.servers = servers;
    this.#clock = clock;
    this.#token = token;
    this.#requestTimeoutMs = requestTimeoutMs;
    this.#userAgent = userAgent;
    this.#purposes = isBare ? { request: 'bare request', watch: 'bare watch' } : { request: 'request', watch: 'watch' };
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
    let moves = 0;
    for (let tries = 1; ; tries++) {
      const place = this.servers.current();
      try {
        return await this.#sendOnce(call, place);
      } catch (error) {
        if (isStatus(error, 'TooManyRequests') && tries < tooManyRequestsTriesMax) {
          const seconds = Math.min(error.details?.retryAfterSeconds ?? 1, retryAfterSecondsMax);
          await this.#clock.sleep(seconds * 1000, call.signal);
          continue;
        }
        const failure = failureKind(error);
        if (!failure) throw error;
        this.servers.moveOn(place);
        const isHarmless = call.method === 'GET' || failure === 'unsent';
        const movesMax = failure === 'broken' ? Math.max(this.servers.count - 1, 1) : this.servers.count - 1;
        if (!isHarmless || moves++ >= movesMax) throw error;
      }
    }
  }

  async *watch({ path, options }: WatchRequest, signal: AbortSignal): AsyncGenerator<readonly WatchEvent[]> {
    const lastsMs = (options?.timeoutSeconds ?? watchSecondsDefault) * 1000 + watchGraceMs;
    const place = this.servers.current();
    const deadline = this.#begin(place, signal, { ms: lastsMs, what: 'watch', purpose: this.#purposes.watch });
    try {
      const query = queryOf({ ...options, watch: true });
      const call: Call = { method: 'GET', path: pathOf(path) + query, signal: deadline.signal };
      const response = await this.#open(call, place, this.#purposes.watch);
      try {
        if (response.statusCode !== 200) throw await failureOf(response);
        const lines = new LineSplitter(eventBytesMax);
        for await (const chunk of response) {
          this.servers.heard(place);
          const { events, failure } = eventsFromLines(lines.push(chunk as Buffer));
          if (events.length > 0) yield events;
          if (failure) throw failure;
        }
      } finally {
        response.destroy();
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const actual = deadline.signal.aborted ? deadline.signal.reason : error;
      if (failureKind(actual)) this.servers.moveOn(place);
      throw actual;
    } finally {
      deadline.clear();
    }
  }

  async #sendOnce(call: Call, place: ApiServerPlace): Promise<unknown> {
    const what = `${call.method} ${call.path}`;
    const purpose = this.#purposes.request;
    const deadline = this.#begin(place, call.signal, { ms: this.#requestTimeoutMs, what, purpose });
    try {
      const response = await this.#open({ ...call, signal: deadline.signal }, place, purpose);
      this.servers.heard(place);
      if ((response.statusCode ?? 500) >= 300) throw await failureOf(response);
      const text = await readBody(response, () => this.servers.heard(place));
      return text === '' ? undefined : JSON.parse(text);
    } catch (error) {
      if (call.signal.aborted) throw call.signal.reason;
      if (deadline.signal.aborted) throw deadline.signal.reason;
      throw error;
    } finally {
      deadline.clear();
    }
  }

  async #open(call: Call, place: ApiServerPlace, purpose: Purpose): Promise<IncomingMessage> {
    const token = await this.#token();
    const { base, isSecure } = place;
    const prefix = base.pathname.replace(/\/$/, '');
    const options: NodeRequestOptions = {
      agent: place.agent(purpose),
      method: call.method,
      host: base.hostname.replace(/^\[|\]$/g, ''),
      port: base.port || (isSecure ? 443 : 80),
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
    return answerOf((isSecure ? requestHttps : requestHttp)(options), call, isSecure);
  }

  /** A signal that aborts with the parent, after a while, or when the server is given up. */
  #begin(
    place: ApiServerPlace,
    parent: AbortSignal,
    { ms, what, purpose }: { readonly ms: number; readonly what: string; readonly purpose: Purpose },
  ) {
    const child = childSignal(parent);
    const cancel = this.#clock.after(ms, () => child.abort(new DeadlineError(`${what}: no answer within ${ms} ms`)));
    const done = this.servers.begin(place, purpose, child.abort);
    return {
      signal: child.signal,
      clear: () => {
        cancel();
        done();
        child.abort();
      },
    };
  }
}

/** Errors of requests of which the server certainly got nothing. */
const unsent = new WeakSet<object>();

/** Sends the body and waits for the head of the answer. The signal destroys the request, also while it streams. */
function answerOf(request: ClientRequest, { body, signal }: Call, isSecure: boolean): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let isConnected = false;
    const onAbort = () => void request.destroy(signal.reason instanceof Error ? signal.reason : undefined);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    request.once('close', () => signal.removeEventListener('abort', onAbort));
    request.once('socket', (socket) => {
      if (request.reusedSocket) isConnected = true;
      else {
        socket.once(isSecure ? 'secureConnect' : 'connect', () => {
          isConnected = true;
        });
      }
    });
    request.once('response', resolve);
    request.on('error', (error) => {
      if (!isConnected && (errnoOf(error) !== undefined || error instanceof SilentServerError)) unsent.add(error);
      reject(error);
    });
    request.end(body);
  });
}

/** Whether another server may do better; undefined for answers, which count, and for what we did ourselves. */
function failureKind(error: unknown): 'unsent' | 'broken' | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if (unsent.has(error)) return 'unsent';
  if (isStatus(error, 'ServiceUnavailable') && error.details?.retryAfterSeconds !== undefined) return 'unsent';
  return error instanceof SilentServerError || isBrokenConnection(error) ? 'broken' : undefined;
}

async function failureOf(response: IncomingMessage): Promise<StatusError> {
  const error = statusErrorFromBody(response.statusCode ?? 500, await readBody(response));
  const retryAfterSeconds = Number(response.headers['retry-after']);
  if (!Number.isFinite(retryAfterSeconds) || error.details?.retryAfterSeconds !== undefined) return error;
  const details = { ...error.details, retryAfterSeconds };
  return new StatusError(error.reason, error.message, { code: error.code, details });
}

async function readBody(response: IncomingMessage, heard?: () => void): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    heard?.();
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
