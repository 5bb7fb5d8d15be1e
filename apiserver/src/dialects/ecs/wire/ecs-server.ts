/**
 * AWS JSON 1.1: `POST /` with `X-Amz-Target: AmazonEC2ContainerServiceV20141113.OPERATION`. One request from its bytes to its answer:
 *
 *   read → verify the signature → find the operation → check the input's shape → run it as the key's user → answer
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { isAbort } from '@slipway/kit/abort';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { Limits } from '../../../config.ts';
import { isNestedTooDeep } from '../../../http/nesting.ts';
import { readRequestBody } from '../../../http/request-body.ts';
import type { KeyPair } from '../../../pki/issue-certificate.ts';
import { ssmTargetPrefix } from '../session/ssm-operations.ts';
import type { AccessKeys, Caller } from './access-keys.ts';
import { EcsError, refusals } from './ecs-error.ts';
import { createEcsListener, type EcsListener } from './ecs-listener.ts';
import { exceptionFrom } from './exception-from.ts';

export interface RequestFacts {
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  /** How the client addresses this server: `https://HOST:PORT`. */
  readonly reachedAt: string;
  readonly requestBytes: number;
}

/** Runs one operation. What it answers is JSON, as text or as the parts of its bytes. Throws EcsError or StatusError. */
export type Perform = (
  operation: string,
  input: unknown,
  caller: Caller,
  facts: RequestFacts,
) => Promise<string | JsonParts>;

export interface JsonParts {
  readonly parts: readonly Buffer[];
}

export interface EcsServerDeps {
  readonly host: string;
  readonly port: number;
  readonly tls: KeyPair;
  readonly limits: Limits;
  readonly keys: AccessKeys;
  readonly perform: Perform;
  /** Owns the socket from then on. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly stopping: AbortSignal;
}

/** No input of ECS is larger: a task definition has 64 KiB. */
const bodyBytesMax = 1024 * 1024;
/** Requests in work; further ones are throttled, which SDKs wait for. */
const requestsInFlightMax = 1_000;
const targetPrefix = 'AmazonEC2ContainerServiceV20141113.';
const contentType = 'application/x-amz-json-1.1';

export class EcsServer {
  readonly #deps: EcsServerDeps;
  readonly #listener: EcsListener;
  #inFlight = 0;

  constructor(deps: EcsServerDeps) {
    this.#deps = deps;
    const { host, port, tls, limits } = deps;
    this.#listener = createEcsListener({
      host,
      port,
      tls,
      connectionsMax: limits.connectionsMax,
      headerBytesMax: limits.headerBytesMax,
      receive: (request, response) => this.#receive(request, response),
      upgrade: deps.upgrade,
    });
  }

  listen(): Promise<AddressInfo> {
    return this.#listener.listen();
  }

  useCertificate(pair: KeyPair): void {
    this.#listener.useCertificate(pair);
  }

  close(givingUp: AbortSignal): Promise<void> {
    return this.#listener.close(givingUp);
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    readRequestBody(request, bodyBytesMax, {
      done: (body) => void this.#handle(request, response, body ?? Buffer.alloc(0)),
      refused: () => {
        response.setHeader('connection', 'close');
        this.#fail(response, refusals.tooLarge(bodyBytesMax));
      },
    });
  }

  /** Never rejects. */
  async #handle(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    if (this.#inFlight >= requestsInFlightMax) {
      this.#fail(response, refusals.busy());
      return;
    }
    this.#inFlight += 1;
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    try {
      const { method = '', url: target = '/', rawHeaders } = request;
      const { caller, headers } = this.#deps.keys.authenticate({ method, target, rawHeaders, body });
      const operation = operationOf(headers.get('x-amz-target'));
      const scheme = (request.socket as TLSSocket).encrypted ? 'https' : 'http';
      const reachedAt = `${scheme}://${headers.get('host')}`;
      const facts = { signal: gone.signal, reachedAt, requestBytes: body.length };
      this.#send(response, 200, await this.#deps.perform(operation, inputOf(body), caller, facts));
    } catch (error) {
      if (!(gone.signal.aborted && isAbort(error))) this.#fail(response, error);
    } finally {
      this.#inFlight -= 1;
    }
  }

  #send(
    response: ServerResponse,
    code: number,
    body: string | JsonParts,
    more: Readonly<Record<string, string>> = {},
  ): void {
    const isText = typeof body === 'string';
    response.writeHead(code, {
      'content-type': contentType,
      'content-length': isText ? Buffer.byteLength(body) : body.parts.reduce((sum, { length }) => sum + length, 0),
      'x-amzn-requestid': this.#deps.random.uuid(),
      ...(this.#deps.stopping.aborted ? { connection: 'close' } : {}),
      ...more,
    });
    if (isText) {
      response.end(body);
      return;
    }
    // All of them in one system call.
    response.cork();
    for (const part of body.parts) response.write(part);
    response.end();
  }

  #fail(response: ServerResponse, error: unknown): void {
    const exception = exceptionFrom(error);
    if (exception.httpStatus >= 500) this.#deps.log.error({ err: exception.cause ?? error }, 'ECS request failed');
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { code, message, fields, httpStatus } = exception;
    const body = JSON.stringify({ __type: code, message, ...fields });
    this.#send(response, httpStatus, body, { 'x-amzn-errortype': code });
  }
}

/** Of ECS its name alone; of Systems Manager with its prefix. */
function operationOf(target: string | undefined): string {
  if (target?.startsWith(ssmTargetPrefix)) return target;
  if (target === undefined || !target.startsWith(targetPrefix)) throw refusals.unknownOperation();
  return target.slice(targetPrefix.length);
}

function inputOf(body: Buffer): unknown {
  if (body.length === 0) return {};
  if (isNestedTooDeep(body)) throw refusals.malformed('The body is nested too deep.');
  let input: unknown;
  try {
    input = JSON.parse(body.toString());
  } catch (error) {
    throw new EcsError('SerializationException', 'The body is not JSON.', { cause: error });
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw refusals.malformed('The body must be a JSON object.');
  }
  return input;
}
