import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { StatusError } from '@slipway/api/status-error';
import type { CachedDocument } from '../discovery/cached-document.ts';
import { type Encoded, encodeValue } from './encode-answer.ts';
import { errorForm } from './negotiation.ts';

const gzipAsync = promisify(gzip);

/** As upstream: below it, packing costs more than it saves. */
const gzipBytesMin = 128 * 1024;
const gzipLevel = 1;

const neverCached = 'no-cache, private';

export async function sendEncoded(
  request: IncomingMessage,
  response: ServerResponse,
  encoded: Encoded,
  warnings: readonly string[],
): Promise<void> {
  const headers: Record<string, string | number | string[]> = {
    'content-type': encoded.contentType,
    'cache-control': neverCached,
  };
  if (warnings.length > 0) headers.warning = warnings.map(warningHeader);
  if (encoded.bytes >= gzipBytesMin && acceptsGzip(request)) {
    const packed = await gzipAsync(Buffer.concat([...encoded.chunks]), { level: gzipLevel });
    const packing = { 'content-encoding': 'gzip', vary: 'Accept-Encoding', 'content-length': packed.length };
    response.writeHead(encoded.code, { ...headers, ...packing });
    response.end(packed);
    return;
  }
  headers['content-length'] = encoded.bytes;
  response.writeHead(encoded.code, headers);
  if (Array.isArray(encoded.chunks)) {
    response.end(encoded.chunks[0]);
    return;
  }
  for (const chunk of encoded.chunks) {
    if (!response.write(chunk)) await writable(response);
    if (response.destroyed) return;
  }
  response.end();
}

async function writable(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  const ended = new AbortController();
  await Promise.race([
    once(response, 'drain', { signal: ended.signal }).catch(() => {}),
    once(response, 'close', { signal: ended.signal }).catch(() => {}),
  ]);
  ended.abort();
}

export function sendDocument(request: IncomingMessage, response: ServerResponse, document: CachedDocument): void {
  const headers = { 'content-type': document.contentType, etag: document.etag, vary: 'Accept, Accept-Encoding' };
  if (request.headers['if-none-match'] === document.etag) {
    response.writeHead(304, headers).end();
  } else if (acceptsGzip(request)) {
    response
      .writeHead(200, { ...headers, 'content-encoding': 'gzip', 'content-length': document.gzip.length })
      .end(document.gzip);
  } else {
    const bytes = document.plain();
    response.writeHead(200, { ...headers, 'content-length': bytes.length }).end(bytes);
  }
}

export function sendText(response: ServerResponse, code: number, text: string, contentType: string): void {
  response.writeHead(code, {
    'content-type': contentType,
    'cache-control': neverCached,
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}

export function sendStatus(
  response: ServerResponse,
  error: StatusError,
  warnings: readonly string[] = [],
  accept?: string,
): void {
  const { contentType, chunks } = encodeValue(error.code, error.toStatus(), { form: errorForm(accept), pretty: false });
  const retryAfter = error.details?.retryAfterSeconds;
  response.writeHead(error.code, {
    'content-type': contentType,
    'cache-control': neverCached,
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    ...(error.code === 401 ? { 'www-authenticate': 'Bearer realm="kubernetes"' } : {}),
    ...(warnings.length > 0 ? { warning: warnings.map(warningHeader) as string[] } : {}),
  } as OutgoingHttpHeaders);
  response.end(Buffer.concat([...chunks]));
}

/** RFC 7234, section 5.5, with the code and agent that upstream uses. Header values are Latin-1 at most. */
function warningHeader(text: string): string {
  const safe = text.replace(/[^\x20-\x7e]/g, '?').replace(/[\\"]/g, '\\$&');
  return `299 - "${safe}"`;
}

function acceptsGzip({ headers }: IncomingMessage): boolean {
  const accepted = headers['accept-encoding'];
  return (
    typeof accepted === 'string' &&
    /(?:^|[\s,])gzip(?:$|[\s,;])/.test(accepted) &&
    !/gzip;q=0(?:$|[\s,])/.test(accepted)
  );
}
