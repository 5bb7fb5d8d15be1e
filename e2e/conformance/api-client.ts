/**
 * As little as it takes to speak with a Kubernetes API server over HTTPS. The suite has a client of its own, so that what it shows
 * does not depend on the client library of the project.
 */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Agent, request as send } from 'node:https';
import { WatchReader } from './watch-reader.ts';

export interface Identity {
  readonly token?: string | undefined;
  /** PEM. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

export interface Endpoint {
  /** `https://HOST:PORT`. */
  readonly url: string;
  /** PEM; without it the server's certificate is not checked. */
  readonly ca?: string | undefined;
}

/** A tree of JSON as a test expects it: where it is different, the test fails on `undefined`. */
export interface Tree {
  readonly [name: string]: unknown;
}

export interface Metadata extends Tree {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly Tree[];
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface ApiObject extends Tree {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: Metadata;
  readonly spec: Tree;
  readonly data: Readonly<Record<string, string>>;
  readonly items: readonly ApiObject[];
  /** Of a Status. */
  readonly message: string;
  readonly reason: string;
}

export interface Reply {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The parsed JSON; throws when the answer is something else. */
  readonly body: ApiObject;
  /** The texts of the warning headers. */
  readonly warnings: readonly string[];
}

export interface Outgoing {
  /** Objects go out as JSON, text and bytes as they are. */
  readonly body?: unknown;
  readonly headers?: OutgoingHttpHeaders;
}

export type PatchType = 'json-patch+json' | 'merge-patch+json' | 'strategic-merge-patch+json' | 'apply-patch+yaml';

/** A test that waits for something that never comes fails after this time, and not with the whole run. */
const silenceMsMax = 15_000;

export class ApiClient {
  readonly #endpoint: Endpoint;
  readonly #identity: Identity;
  readonly #agent: Agent;

  constructor(endpoint: Endpoint, identity: Identity) {
    this.#endpoint = endpoint;
    this.#identity = identity;
    this.#agent = new Agent({
      keepAlive: true,
      ca: endpoint.ca,
      rejectUnauthorized: endpoint.ca !== undefined,
      cert: identity.certificate,
      key: identity.key,
    });
  }

  /** The same server as somebody else. */
  as(identity: Identity): ApiClient {
    return new ApiClient(this.#endpoint, identity);
  }

  /** The same identity over new connections. */
  fresh(): ApiClient {
    return new ApiClient(this.#endpoint, this.#identity);
  }

  close(): void {
    this.#agent.destroy();
  }

  get(path: string, headers: OutgoingHttpHeaders = {}): Promise<Reply> {
    return this.request('GET', path, { headers });
  }

  post(path: string, body: unknown): Promise<Reply> {
    return this.request('POST', path, { body });
  }

  put(path: string, body: unknown): Promise<Reply> {
    return this.request('PUT', path, { body });
  }

  patch(path: string, type: PatchType, body: unknown): Promise<Reply> {
    return this.request('PATCH', path, { body, headers: { 'content-type': `application/${type}` } });
  }

  /** Merge patch, where the type does not matter. */
  merge(path: string, body: unknown): Promise<Reply> {
    return this.patch(path, 'merge-patch+json', body);
  }

  delete(path: string, options?: unknown): Promise<Reply> {
    return this.request('DELETE', path, options === undefined ? {} : { body: options });
  }

  /** For what must succeed before the test begins. */
  async made(path: string, body: unknown): Promise<ApiObject> {
    const reply = await this.post(path, body);
    if (reply.code !== 201) throw new Error(`POST ${path}: ${reply.code} ${reply.text}`);
    return reply.body;
  }

  async read(path: string): Promise<ApiObject> {
    const reply = await this.get(path);
    if (reply.code !== 200) throw new Error(`GET ${path}: ${reply.code} ${reply.text}`);
    return reply.body;
  }

  async request(method: string, path: string, outgoing: Outgoing = {}): Promise<Reply> {
    const response = await this.#open(method, path, outgoing);
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    return replyOf(response, Buffer.concat(parts));
  }

  /** Throws when the server does not answer 200. The test closes it. */
  async watch(path: string, headers: OutgoingHttpHeaders = {}): Promise<WatchReader> {
    const withWatch = `${path}${path.includes('?') ? '&' : '?'}watch=1`;
    const response = await this.#open('GET', withWatch, { headers });
    if (response.statusCode === 200) return new WatchReader(response);
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    throw new Error(`GET ${withWatch}: ${response.statusCode} ${Buffer.concat(parts)}`);
  }

  /** The answer as it comes; the test destroys it. */
  stream(path: string, headers: OutgoingHttpHeaders): Promise<IncomingMessage> {
    return this.#open('GET', path, { headers });
  }

  #open(method: string, path: string, { body, headers = {} }: Outgoing): Promise<IncomingMessage> {
    const raw = typeof body === 'string' || Buffer.isBuffer(body);
    const content = body === undefined || raw ? (body as string | Buffer | undefined) : JSON.stringify(body);
    const { token } = this.#identity;
    return new Promise((resolve, reject) => {
      const { hostname, port } = new URL(this.#endpoint.url);
      const request = send({
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port,
        // As it is: a URL would take dots and escapes out of it.
        path,
        method,
        agent: this.#agent,
        headers: {
          'user-agent': 'conformance/1.0',
          accept: 'application/json',
          ...(content === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
      });
      const hungUp = new Error(`${method} ${path}: nothing came for ${silenceMsMax} ms`);
      request.setTimeout(silenceMsMax, () => request.destroy(hungUp));
      request.on('response', resolve);
      request.on('error', reject);
      request.end(content);
    });
  }
}

function replyOf({ statusCode = 0, headers, rawHeaders }: IncomingMessage, bytes: Buffer): Reply {
  return {
    code: statusCode,
    headers,
    bytes,
    text: bytes.toString(),
    warnings: warningsOf(rawHeaders),
    get body() {
      return JSON.parse(bytes.toString()) as ApiObject;
    },
  };
}

/** `299 - "text"`, one header each (RFC 7234, section 5.5). */
function warningsOf(rawHeaders: readonly string[]): string[] {
  const values = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'warning');
  return values.map((value) => JSON.parse(value.replace(/^299 \S+ /, '')) as string);
}
