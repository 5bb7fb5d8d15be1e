import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzipSync, gzip, gzipSync } from 'node:zlib';

/** A document as it goes out. It is kept compressed only, as the large ones shrink by a factor of ten and nearly all clients take gzip. */
export interface CachedDocument {
  readonly contentType: string;
  /** Quoted, as the header wants it. */
  readonly etag: string;
  readonly gzip: Buffer;
  /** Unpacks it: for the client that does not take gzip. */
  plain(): Buffer;
}

/** For documents of a few kilobytes. */
export function cacheJson(document: object): CachedDocument {
  const bytes = Buffer.from(JSON.stringify(document));
  return cached(bytes, gzipSync(bytes), 'application/json');
}

/** For large documents: packs outside of the event loop. */
export async function cacheLarge(document: string | Buffer, contentType: string): Promise<CachedDocument> {
  const bytes = typeof document === 'string' ? Buffer.from(document) : document;
  return cached(bytes, await promisify(gzip)(bytes), contentType);
}

function cached(bytes: Buffer, packed: Buffer, contentType: string): CachedDocument {
  const etag = `"${createHash('sha512').update(bytes).digest('hex').toUpperCase()}"`;
  return { contentType, etag, gzip: packed, plain: () => gunzipSync(packed) };
}
