/**
 * The HTTPS front. Everything goes through one handler, because the paths of the API are parsed by ourselves. Resources take the line in `request-line.ts`, other paths go to `path-routes.ts`, upgrades to whoever serves `connect`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { StatusError } from '@slipway/api/status-error';
import type { Clock } from '@slipway/kit/clock';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import { invariant } from '@slipway/kit/invariant';
import type { Logger } from '@slipway/kit/logger';
import type { Authenticator } from '../authn/authenticator.ts';
import { authorize } from '../authz/authorizer.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { RequestMetrics } from '../metrics/request-metrics.ts';
import { type ApiServerConfig, isUnspecified } from '../config.ts';
import { optionsFromQuery } from '../registry/call-options.ts';
import { badRequest, unknownPath } from '../registry/status-errors.ts';
import type { UserInfo } from '../registry/strategy.ts';
import { type Connect, connectName, connectVerbs, isConnect, reviewConnect } from './connect.ts';
import { type EncodeOptions, encodeAnswer, encodeValue } from './encode-answer.ts';
import { isOurMistake, statusFrom } from './errors.ts';
import type { KeyPair } from '../pki/issue-certificate.ts';
import { impersonated } from './impersonation.ts';
import { incomingFromHttp } from './http-incoming.ts';
import { Deadlines } from './deadlines.ts';
import { InFlight, requestKind } from './in-flight.ts';
import type { Incoming, RequestVerb } from './incoming.ts';
import { negotiate, plainJson } from './negotiation.ts';
import { answerPath, type PathParts } from './path-routes.ts';
import { hasProtobuf, protobufEncoded } from './protobuf/protobuf-answer.ts';
import { readRequestBody } from './request-body.ts';
import { accessOf, answer, type LineParts } from './request-line.ts';
import { eventSeriesOf, isLongRunning, seriesOf } from './request-series.ts';
import { parseResourcePath, type ResourceAddress } from './resource-path.ts';
import { sendDocument, sendEncoded, sendStatus, sendText } from './send-answer.ts';
import { FlushPacer, streamWatch } from './watch-stream.ts';

export interface HttpServerDeps {
  readonly config: ApiServerConfig;
  readonly tls: { readonly certificate: string; readonly privateKey: string; readonly clientCa: string };
  readonly line: LineParts;
  readonly paths: PathParts;
  readonly authenticator: Authenticator;
  readonly connect: Connect | undefined;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when the server begins to stop: watches and streams end then, and what is in work goes on. */
  readonly stopping: AbortSignal;
  /** Aborts when what is in work has no more time. */
  readonly givingUp: AbortSignal;
}

export interface HttpServer {
  /** Throws an error of one line when the address is taken. */
  listen(): Promise<AddressInfo>;
  /** New connections are shown this certificate. */
  useCertificate(pair: KeyPair): void;
  /** Resolves when every connection is closed. */
  close(): Promise<void>;
}

/** Clients keep connections between requests; longer than their own time-out, so that they are the ones who close. */
const keepAliveTimeoutMs = 120_000;
/** A client that sends its headers and body slower than this is cut off. */
const requestTimeoutMs = 60_000;

export function createHttpServer(deps: HttpServerDeps): HttpServer {
  const { config, tls } = deps;
  const handler = new RequestHandler(deps);
  const serverOptions: ServerOptions = {
    cert: tls.certificate,
    key: tls.privateKey,
    ca: tls.clientCa,
    requestCert: true,
    rejectUnauthorized: false,
    maxHeaderSize: config.limits.headerBytesMax,
    keepAliveTimeout: keepAliveTimeoutMs,
    requestTimeout: requestTimeoutMs,
    noDelay: true,
  };
  const addresses = [config.bindAddress];
  const { advertiseAddress, bindAddress } = config;
  if (advertiseAddress !== undefined && advertiseAddress !== bindAddress && !isUnspecified(bindAddress)) {
    addresses.push(advertiseAddress);
  }
  const servers = addresses.map(() => createServer(serverOptions, (raw, response) => handler.receive(raw, response)));
  for (const server of servers) {
    server.maxConnections = config.limits.connectionsMax;
    server.on('upgrade', (raw: IncomingMessage, socket: Duplex, head: Buffer) => handler.upgrade(raw, socket, head));
    server.on('clientError', refuseMalformed);
  }
  return {
    async listen() {
      let { securePort } = config;
      let main: AddressInfo | undefined;
      for (const [index, server] of servers.entries()) {
        const listening = await listenOn(server, { host: addresses[index] ?? bindAddress, port: securePort });
        main ??= listening;
        securePort = main.port;
      }
      invariant(main, 'there is a server');
      return main;
    },
    useCertificate({ certificate: cert, privateKey: key }) {
      for (const server of servers) server.setSecureContext({ cert, key, ca: tls.clientCa });
    },
    async close() {
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      for (const server of servers) server.closeIdleConnections();
      deps.givingUp.addEventListener('abort', () => {
        for (const server of servers) server.closeAllConnections();
      });
      await Promise.all(closed);
    },
  };
}

function listenOn(server: Server, place: { readonly host: string; readonly port: number }): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, place)));
    server.listen(place, () => resolve(server.address() as AddressInfo));
  });
}

function listenError(error: unknown, { host, port }: { readonly host: string; readonly port: number }): Error {
  const what = `listen on ${host}:${port}`;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is taken by another process; choose another one with --secure-port',
    EACCES: 'ports below 1024 need privileges; choose another one with --secure-port',
    EADDRNOTAVAIL: 'this machine does not have the address; choose another one with --bind-address',
  };
  return new Error(`${what}: ${reasons[errnoOf(error) ?? ''] ?? messageOf(error)}`, { cause: error });
}

/** What is no HTTP, has too many headers, or comes too slowly. */
function refuseMalformed(error: Error, socket: Duplex): void {
  if (!socket.writable || errnoOf(error) === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [code, text] = malformed[errnoOf(error) ?? ''] ?? [400, 'Bad Request'];
  const body = JSON.stringify(new StatusError('BadRequest', `${text}: ${messageOf(error)}`, { code }).toStatus());
  socket.end(answerText(`${code} ${text}`, body));
}

const malformed: Readonly<Record<string, readonly [code: number, text: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
};

/** An answer on a connection that no HTTP server looks after any more. */
function answerText(status: string, body: string): string {
  const headers = ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close'];
  return [`HTTP/1.1 ${status}`, ...headers, '', body].join('\r\n');
}

const includedObjects = ['None', 'Metadata', 'Object'] as const;

/** How much of each object the rows of a Table carry. Throws StatusError BadRequest. */
function includeObjectOf(query: URLSearchParams): EncodeOptions['includeObject'] {
  const asked = query.get('includeObject') || 'Metadata';
  const known = includedObjects.find((included) => included === asked);
  if (known) return known;
  throw badRequest(
    `includeObject: Invalid value: ${JSON.stringify(asked)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}

interface Exchange {
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer | undefined;
}

class RequestHandler {
  readonly #deps: HttpServerDeps;
  readonly #pacer: FlushPacer;
  readonly #deadlines: Deadlines;
  readonly #inFlight: InFlight;
  readonly #requests: RequestMetrics;

  constructor(deps: HttpServerDeps) {
    this.#deps = deps;
    this.#pacer = new FlushPacer(deps.clock);
    this.#inFlight = new InFlight(deps.config.limits);
    const { clock, config, givingUp } = deps;
    this.#deadlines = new Deadlines({ clock, requestMsMax: config.limits.requestMsMax, givingUp });
    this.#requests = new RequestMetrics(deps.metrics, () => this.#inFlight.counts);
  }

  receive(raw: IncomingMessage, response: ServerResponse): void {
    if (this.#deps.stopping.aborted) response.setHeader('connection', 'close');
    readRequestBody(raw, this.#deps.config.limits.bodyBytesMax, {
      done: (body) => void this.#handle(raw, response, body),
      refused: (error) => {
        response.setHeader('connection', 'close');
        this.#fail(response, error, raw, []);
      },
    });
  }

  /** Never rejects. */
  async #handle(raw: IncomingMessage, response: ServerResponse, body: Buffer | undefined): Promise<void> {
    const startedMs = this.#deps.clock.monotonicMs();
    const url = raw.url ?? '/';
    const { path, query } = splitUrl(url);
    const address = parseResourcePath(path);
    const warnings: string[] = [];
    const method = raw.method ?? 'GET';
    const kind = requestKind(method);
    const isLong = isLongRunning(address, query);
    const series = this.#seriesOf(address, method, query);
    let isIn = false;
    try {
      this.#refuseLongUrl(url);
      if (isLong) this.#beginLongRunning(series);
      else this.#inFlight.enter(kind, () => this.#isPrivileged(raw), this.#requests);
      isIn = true;
      if (address) await this.#answerResource(address, query, { raw, response, body }, warnings);
      else await this.#answerPath(path, query, raw, response);
    } catch (error) {
      this.#fail(response, error, raw, warnings);
    } finally {
      const { statusCode } = response;
      if (isIn && isLong) this.#endLongRunning(series, statusCode);
      else if (isIn) this.#inFlight.leave(kind);
      if (!isLong) {
        this.#requests.answered(series, statusCode, (this.#deps.clock.monotonicMs() - startedMs) / 1000);
      }
      // It came before the server was asked to end, and its client may keep the connection for long.
      if (this.#deps.stopping.aborted) closeAfter(response);
    }
  }

  /** Throws StatusError TooManyRequests. */
  #beginLongRunning(series: string): void {
    this.#inFlight.beginLongRunning();
    this.#requests.longRunningBegan(series);
  }

  #endLongRunning(series: string, code: number): void {
    this.#inFlight.endLongRunning();
    this.#requests.longRunningEnded(series, code);
  }

  #isPrivileged(raw: IncomingMessage): boolean {
    try {
      return this.#deps.authenticator.authenticate(raw).groups.includes('system:masters');
    } catch {
      return false;
    }
  }

  #seriesOf(address: ResourceAddress | undefined, method: string, query: string): string {
    return seriesOf(address && this.#deps.line.kinds.find(address) ? address : undefined, method, query);
  }

  upgrade(raw: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#upgrade(raw, socket, head).catch((error) => {
      const status = statusFrom(error);
      if (isOurMistake(status)) this.#deps.log.error({ err: error, url: raw.url }, 'upgrade failed');
      if (socket.destroyed) return;
      socket.end(answerText(`${status.code} ${status.reason}`, JSON.stringify(status.toStatus())));
    });
  }

  async #upgrade(raw: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    const { path, query } = splitUrl(raw.url ?? '/');
    const address = parseResourcePath(path);
    if (!address || !isConnect(address)) throw unknownPath();
    const series = this.#seriesOf(address, 'CONNECT', query);
    this.#beginLongRunning(series);
    try {
      await this.#connect(address, new URLSearchParams(query), raw, {
        response: undefined,
        upgrade: { socket, head },
        body: undefined,
      });
    } finally {
      this.#endLongRunning(series, 101);
    }
  }

  #refuseLongUrl(url: string): void {
    const { urlCharactersMax } = this.#deps.config.limits;
    if (url.length <= urlCharactersMax) return;
    throw new StatusError('BadRequest', `the URL is longer than ${urlCharactersMax} characters`, { code: 414 });
  }

  async #answerResource(
    address: ResourceAddress,
    queryText: string,
    { raw, response, body }: Exchange,
    warnings: string[],
  ): Promise<void> {
    const { authenticator, line } = this.#deps;
    const query = queryText === '' ? noQuery : new URLSearchParams(queryText);
    if (isConnect(address)) {
      await this.#connect(address, query, raw, { response, upgrade: undefined, body });
      return;
    }
    const options = optionsFromQuery(query, raw.method ?? 'GET');
    const signal = this.#deadlines.signalFor(query.get('timeout'));
    const incoming: Incoming = {
      ...incomingFromHttp(
        { raw, address, options, body, signal, takesProtobuf: () => this.#hasProtobuf(address) },
        () => impersonated(raw, authenticator.authenticate(raw), line.authorizer, (user) => accessOf(incoming, user)),
      ),
      warnings,
    };
    const isWatch = incoming.verb === 'watch';
    const form = negotiate(raw.headers.accept, () => ({ hasProtobuf: this.#hasProtobuf(address), isWatch }));
    const encodeOptions: EncodeOptions = {
      form,
      pretty: query.get('pretty') === 'true' || query.get('pretty') === '1',
      includeObject: includeObjectOf(query),
      nowMs: this.#deps.clock.nowMs(),
      pause: () => this.#deps.clock.sleep(0, signal),
    };
    if (isWatch) await this.#watch(incoming, response, encodeOptions);
    else {
      const answered = await answer(incoming, this.#deps.line);
      if (answered.kind !== 'watch')
        await sendEncoded(raw, response, await encodeAnswer(answered, encodeOptions), warnings);
    }
  }

  /** Everything but the objects of custom resources: those that are nothing to the table of kinds are answered with a Status. */
  #hasProtobuf(address: ResourceAddress): boolean {
    if (address.subresource !== undefined && address.subresource !== 'status') return true;
    const served = this.#deps.line.kinds.find(address);
    return !served || hasProtobuf(served);
  }

  async #watch(incoming: Incoming, response: ServerResponse, options: EncodeOptions): Promise<void> {
    const gone = new AbortController();
    const end = () => gone.abort();
    response.once('close', end);
    this.#deps.stopping.addEventListener('abort', end, { once: true });
    if (this.#deps.stopping.aborted) end();
    try {
      const answered = await answer(
        { ...incoming, signal: gone.signal, pace: () => this.#pacer.turn() },
        this.#deps.line,
      );
      if (answered.kind === 'watch') {
        const { clock, config } = this.#deps;
        const stalledMsMax = config.limits.watchStalledMsMax;
        const told = (count: number) => this.#requests.watchEvents(eventSeriesOf(answered.served.api), count);
        await streamWatch(response, answered, options, { pacer: this.#pacer, clock, stalledMsMax, told });
      }
    } finally {
      this.#deps.stopping.removeEventListener('abort', end);
    }
  }

  async #connect(
    address: ResourceAddress,
    query: URLSearchParams,
    raw: IncomingMessage,
    way: {
      readonly response: ServerResponse | undefined;
      readonly upgrade: { socket: Duplex; head: Buffer } | undefined;
      readonly body: Buffer | undefined;
    },
  ): Promise<void> {
    const { line, authenticator, connect } = this.#deps;
    const [first, ...others] = connectVerbs(address, raw.method);
    const access = (verb: RequestVerb) => (user: UserInfo) => accessOf({ address, verb, options: {} }, user);
    const user = impersonated(raw, authenticator.authenticate(raw), line.authorizer, access(first));
    for (const verb of [first, ...others]) authorize(line.authorizer, access(verb)(user));
    const served = line.kinds.find(address);
    const name = connectName(address);
    if (!served || !name) throw unknownPath();
    const gone = new AbortController();
    const end = () => gone.abort();
    (way.response ?? way.upgrade?.socket)?.once('close', end);
    this.#deps.stopping.addEventListener('abort', end, { once: true });
    if (this.#deps.stopping.aborted) end();
    try {
      const call = { user, signal: gone.signal, warnings: [] };
      const { object } = await served.store.get(address.namespace, name, {}, call);
      await reviewConnect(line.admission, { user, served, address, query, signal: gone.signal });
      if (!connect) throw new StatusError('ServiceUnavailable', 'this server is not connected to node agents');
      await connect({ user, address, object, query, raw, ...way, signal: gone.signal, read: line.read });
    } finally {
      this.#deps.stopping.removeEventListener('abort', end);
    }
  }

  async #answerPath(path: string, queryText: string, raw: IncomingMessage, response: ServerResponse): Promise<void> {
    const { authenticator, line, paths } = this.#deps;
    const verb = (raw.method ?? 'GET').toLowerCase();
    const access = (user: UserInfo) => ({ kind: 'path', user, verb, path }) as const;
    const user = impersonated(raw, authenticator.authenticate(raw), line.authorizer, access);
    authorize(line.authorizer, access(user));
    const query = new URLSearchParams(queryText);
    const answered = await answerPath({ path, query, accept: raw.headers.accept }, paths);
    switch (answered.kind) {
      case 'document':
        return sendDocument(raw, response, answered.document);
      case 'protobuf':
        return await sendEncoded(raw, response, protobufEncoded(200, [answered.bytes]), []);
      case 'text':
        return sendText(response, answered.code, answered.text, answered.contentType);
      case 'json':
        return await sendEncoded(
          raw,
          response,
          encodeValue(200, answered.value, { form: plainJson, pretty: true }),
          [],
        );
    }
  }

  #fail(response: ServerResponse, error: unknown, raw: IncomingMessage, warnings: readonly string[]): void {
    const status = statusFrom(error);
    if (isOurMistake(status)) {
      this.#deps.log.error({ err: status.cause ?? error, method: raw.method, url: raw.url }, 'request failed');
    }
    if (response.headersSent) (raw.socket as TLSSocket).destroy();
    else sendStatus(response, status, warnings, raw.headers.accept);
  }
}

/** A watch began before it was known that its connection is not to be used again, and could not say so. */
function closeAfter(response: ServerResponse): void {
  const { socket } = response;
  if (response.writableFinished) socket?.end();
  else response.once('finish', () => socket?.end());
}

/** Nobody writes to it. */
const noQuery = new URLSearchParams();

function splitUrl(url: string): { path: string; query: string } {
  const mark = url.indexOf('?');
  return mark === -1 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark + 1) };
}
