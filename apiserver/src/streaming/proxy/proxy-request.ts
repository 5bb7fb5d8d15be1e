import { type IncomingHttpHeaders, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect as connectTls } from 'node:tls';
import { StatusError } from '@slipway/api/status-error';
import { messageOf } from '@slipway/kit/errors';
import type { ConnectRequest } from '../../http/connect.ts';
import { splice } from '../upgrade-request.ts';
import { isProxyable, type ProxyTarget } from './proxy-target.ts';

/** Of one connection (RFC 9110, 7.6.1), and what is meant for the API server alone. */
const ownHeaders = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'content-length',
  'authorization',
  'slipway-cause',
]);
const forwardedPrefixes = ['impersonate-', 'x-remote-'];

export interface ProxyPath {
  /** Up to `/proxy`. */
  readonly prefix: string;
  /** What the target is asked for: a path with its query. Empty when nothing follows `/proxy`, not even a slash. */
  readonly path: string;
  readonly query: string;
}

export function proxyPath(url: string): ProxyPath {
  const [, prefix = '', path = '', query = ''] =
    /^(\/api\/v1\/(?:namespaces\/[^/]+\/)?[^/]+\/[^/]+\/proxy)(\/[^?]*)?(\?.*)?$/.exec(url) ?? [];
  return { prefix, path, query };
}

/** Hands the request on and its answer back. `dial` opens the connection; its failure is told as upstream tells it. */
export async function runProxy(
  request: ConnectRequest,
  target: Pick<ProxyTarget, 'scheme' | 'address' | 'port'>,
  dial: () => Promise<Duplex>,
): Promise<void> {
  const { raw, response, upgrade } = request;
  const location = proxyPath(raw.url ?? '');
  if (response && location.path === '' && (raw.method === 'GET' || raw.method === 'HEAD')) {
    // So that relative links in what is answered lead to where they should.
    response.writeHead(301, { location: `${location.prefix}/${location.query}` });
    response.end();
    return;
  }
  const connection = await dial().then(
    (plain) => (target.scheme === 'https' ? overTls(plain) : plain),
    (error) => {
      throw unreachable(error);
    },
  );
  if (upgrade) await runUpgrade(raw, upgrade, target, location, connection);
  else if (response) await runExchange(request, response, target, location, connection);
}

/** Straight to an address that is no pod's. */
export async function dialAddress({ address, port }: ProxyTarget): Promise<Duplex> {
  if (!isProxyable(address)) throw new StatusError('Forbidden', 'address not allowed', { code: 403 });
  return connectTcp({ host: address, port });
}

/** As upstream, without a look at the certificate: it is made for a name that nobody knows here. */
function overTls(plain: Duplex): Duplex {
  return connectTls({ socket: plain, rejectUnauthorized: false });
}

async function runExchange(
  { raw, body, signal }: ConnectRequest,
  response: ServerResponse,
  target: Pick<ProxyTarget, 'address' | 'port'>,
  location: ProxyPath,
  connection: Duplex,
): Promise<void> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = httpRequest({
      method: raw.method,
      path: `${location.path || '/'}${location.query}`,
      headers: { ...forwardedHeaders(raw), host: hostOf(target), ...(body ? { 'content-length': body.length } : {}) },
      createConnection: () => connection,
      signal,
    });
    outgoing.once('response', resolve);
    outgoing.once('error', (error) => reject(unreachable(error)));
    outgoing.end(body);
  });
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answeredHeaders(answer.headers, target, location));
  response.flushHeaders();
  await pipeline(answer, response).catch(() => {}); // either side may leave at any time
  connection.destroy();
}

async function runUpgrade(
  raw: IncomingMessage,
  { socket, head }: { readonly socket: Duplex; readonly head: Buffer },
  target: Pick<ProxyTarget, 'address' | 'port'>,
  location: ProxyPath,
  connection: Duplex,
): Promise<void> {
  const headers = {
    ...forwardedHeaders(raw),
    host: hostOf(target),
    connection: 'Upgrade',
    upgrade: raw.headers.upgrade ?? '',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  connection.write(`${raw.method} ${location.path || '/'}${location.query} HTTP/1.1\r\n${lines.join('')}\r\n`);
  connection.write(head);
  await splice(connection, socket);
}

function forwardedHeaders(raw: IncomingMessage): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(raw.headers)) {
    const isOwn = ownHeaders.has(name) || forwardedPrefixes.some((prefix) => name.startsWith(prefix));
    if (!isOwn && value !== undefined) headers[name] = value;
  }
  headers['x-forwarded-uri'] = raw.url ?? '';
  headers['x-forwarded-host'] = raw.headers.host ?? '';
  headers['x-forwarded-proto'] = 'https';
  return headers;
}

/** A redirect to the target itself leads to it through the proxy again. */
function answeredHeaders(
  headers: IncomingHttpHeaders,
  target: Pick<ProxyTarget, 'address' | 'port'>,
  { prefix }: ProxyPath,
): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && (name === 'content-length' || !ownHeaders.has(name))) kept[name] = value;
  }
  const { location } = headers;
  if (location) {
    const path = location.replace(/^https?:\/\/([^/]+)/, (whole, host) => (host === hostOf(target) ? '' : whole));
    kept.location = path.startsWith('/') ? `${prefix}${path}` : path;
  }
  return kept;
}

function hostOf({ address, port }: Pick<ProxyTarget, 'address' | 'port'>): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function unreachable(cause: unknown): StatusError {
  if (cause instanceof StatusError && cause.code === 403) return cause;
  return new StatusError('ServiceUnavailable', `error trying to reach service: ${messageOf(cause)}`, {
    ...(cause instanceof Error ? { cause } : {}),
  });
}
