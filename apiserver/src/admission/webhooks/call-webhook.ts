/**
 * Posts a review to a webhook over HTTPS. Connections are kept and used again, per authority and server name. A service is reached at one of
 * its endpoints, else at its cluster address; its certificate must be for NAME.NAMESPACE.svc all the same.
 */
import { Agent, type RequestOptions, request as send } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { EndpointSlice, Service, WebhookClientConfig } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Random } from '@slipway/kit/random';
import type { StrategyContext } from '../../registry/strategy.ts';
import { resourcePrefix } from '../../registry/resource-context.ts';
import type { ObjectStore } from '../../storage/object-store.ts';

/** As much as an object may have, and its patch. */
const responseBytesMax = 3 * 1024 * 1024;
/** Pairs of authority and server name whose connections are kept; the one that was not used for longest goes. */
const agentsMax = 256;
const idleMsMax = 30_000;

export interface WebhookWorld {
  readonly objects: ObjectStore;
  readonly read: StrategyContext['read'];
  readonly clock: Clock;
  readonly random: Random;
}

/** The webhook could not be asked. The message is what follows `failed to call webhook: `. */
export class WebhookCallError extends Error {
  override readonly name = 'WebhookCallError';
  /** Of the webhook's HTTP answer; 0 when there was none. */
  readonly code: number;
  constructor(message: string, { code = 0, ...options }: ErrorOptions & { readonly code?: number } = {}) {
    super(message, options);
    this.code = code;
  }
}

export interface WebhookCall {
  readonly client: WebhookClientConfig;
  readonly body: string;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

interface Address {
  /** As error texts show it. */
  readonly url: URL;
  readonly host: string;
  readonly port: number;
  readonly serverName: string;
}

/** Answers the body. Throws WebhookCallError. */
export async function callWebhook(call: WebhookCall, world: WebhookWorld): Promise<string> {
  const url = urlOf(call);
  const timeout = new AbortController();
  const cancel = world.clock.after(call.timeoutSeconds * 1000, () => timeout.abort());
  const signal = AbortSignal.any([call.signal, timeout.signal]);
  const failed = (problem: string, cause?: unknown) =>
    new WebhookCallError(`Post ${JSON.stringify(url.href)}: ${problem}`, { cause });
  try {
    const address = addressOf(url, call.client, world, failed);
    const response = await post(call, address, signal);
    const text = await readBody(response, failed);
    if (response.statusCode !== 200) {
      throw new WebhookCallError(statusText(response, text), { code: response.statusCode ?? 0 });
    }
    return text;
  } catch (error) {
    if (error instanceof WebhookCallError) throw error;
    if (timeout.signal.aborted) throw failed('context deadline exceeded', error);
    throw failed(socketProblem(error), error);
  } finally {
    cancel();
  }
}

function urlOf({ client, timeoutSeconds }: WebhookCall): URL {
  const { service } = client;
  const base = service
    ? `https://${service.name}.${service.namespace}.svc:${service.port ?? 443}${service.path ?? '/'}`
    : (client.url ?? '');
  const url = new URL(base);
  url.searchParams.set('timeout', `${timeoutSeconds}s`);
  // A URL forgets the usual port; texts of services name it.
  if (service && url.port === '') {
    const withPort = new URL(url);
    Object.defineProperty(withPort, 'href', { value: url.href.replace(url.host, `${url.host}:443`) });
    return withPort;
  }
  return url;
}

function addressOf(
  url: URL,
  { service }: WebhookClientConfig,
  { objects, read, random }: WebhookWorld,
  failed: (problem: string) => Error,
): Address {
  const serverName = url.hostname.replace(/^\[|\]$/g, '');
  if (!service) return { url, host: serverName, port: Number(url.port || 443), serverName };
  const { namespace, name, port = 443 } = service;
  const found = read('services', '', namespace, name) as Service | undefined;
  if (!found) throw failed(`service ${JSON.stringify(name)} not found`);
  const { spec } = found;
  if (spec.type === 'ExternalName') return { url, host: spec.externalName ?? '', port, serverName };
  const wanted = spec.ports?.find((each) => each.port === port);
  if (!wanted) throw failed(`no service port ${port} found for service ${JSON.stringify(name)}`);
  const endpoints = readyEndpoints(objects, namespace, name, wanted.name ?? '');
  const chosen = endpoints[Math.floor(random.next() * endpoints.length)];
  if (chosen) return { url, ...chosen, serverName };
  if (spec.clusterIP && spec.clusterIP !== 'None') return { url, host: spec.clusterIP, port, serverName };
  throw failed(`no endpoints available for service ${JSON.stringify(name)}`);
}

function readyEndpoints(objects: ObjectStore, namespace: string, service: string, portName: string) {
  const prefix = `${resourcePrefix({ group: 'discovery.k8s.io', resource: 'endpointslices' })}${namespace}/`;
  const found: { host: string; port: number }[] = [];
  for (const { object } of objects.cachedList(prefix)) {
    if (object.metadata.labels?.['kubernetes.io/service-name'] !== service) continue;
    const slice = object as EndpointSlice;
    const port = slice.ports?.find(({ name = '' }) => name === portName)?.port;
    if (port === undefined) continue;
    for (const { addresses, conditions } of slice.endpoints ?? []) {
      const host = addresses[0];
      if (host !== undefined && conditions?.ready !== false) found.push({ host, port });
    }
  }
  return found;
}

const agents = new Map<string, Agent>();

function agentFor({ caBundle = '' }: WebhookClientConfig, serverName: string): Agent {
  const key = `${serverName} ${caBundle}`;
  const agent =
    agents.get(key) ??
    new Agent({
      keepAlive: true,
      timeout: idleMsMax,
      ...(caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64') }),
    });
  // Used last, it goes last.
  agents.delete(key);
  agents.set(key, agent);
  const [oldest] = agents;
  if (agents.size > agentsMax && oldest) {
    agents.delete(oldest[0]);
    oldest[1].destroy();
  }
  return agent;
}

function post(
  { client, body }: WebhookCall,
  { url, host, port, serverName }: Address,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const options: RequestOptions = {
    method: 'POST',
    host,
    port,
    // No address goes into the greeting; its certificate is held against the host then.
    servername: isIP(serverName) ? '' : serverName,
    path: `${url.pathname}${url.search}`,
    agent: agentFor(client, serverName),
    signal,
    headers: {
      host: url.host,
      accept: 'application/json, */*',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'user-agent': 'kube-apiserver-admission',
    },
  };
  return new Promise((resolve, reject) => {
    const attempt = (isLast: boolean) => {
      const request = send(options, resolve);
      request.on('error', (error: NodeJS.ErrnoException) => {
        // The other side closed a kept connection just when it was to be used again.
        const isStale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        if (isStale && !isLast && !signal.aborted) attempt(true);
        else reject(error);
      });
      request.end(body);
    };
    attempt(false);
  });
}

async function readBody(response: IncomingMessage, failed: (problem: string) => Error): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response) {
    bytes += (part as Buffer).length;
    if (bytes > responseBytesMax) {
      response.destroy();
      throw failed(`the answer is larger than ${responseBytesMax} bytes`);
    }
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString();
}

/** As client-go words answers that are no success. */
function statusText({ statusCode = 0 }: IncomingMessage, text: string): string {
  if (statusCode === 404) return 'the server could not find the requested resource';
  if (statusCode === 401) return 'the server has asked for the client to provide credentials';
  if (statusCode === 403) return `forbidden: ${text.slice(0, 200)}`;
  if (statusCode >= 500) {
    return `an error on the server (${JSON.stringify(text.slice(0, 200).trim() || 'unknown')}) has prevented the request from succeeding`;
  }
  return `the server rejected our request for an unknown reason`;
}

const socketProblems: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ECONNRESET: 'EOF',
};

function socketProblem(error: unknown): string {
  const {
    code = '',
    address,
    port,
    hostname,
  } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
    hostname?: string;
  };
  const known = socketProblems[code];
  if (known && address !== undefined) return `dial tcp ${address}:${port}: ${known}`;
  if (known) return known;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${hostname}: no such host`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `tls: failed to verify certificate: x509: ${messageOf(error)}`;
  }
  if (/CERT|SIGNATURE|ISSUER/.test(code)) {
    return `tls: failed to verify certificate: x509: certificate signed by unknown authority (${messageOf(error)})`;
  }
  return messageOf(error);
}
