import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';

/** A document as it goes out. It is kept compressed only, as the large ones shrink by a factor of ten and nearly all clients take gzip. */
export interface CachedDocument {
  readonly contentType: string;
  /** Quoted, as the header wants it. */
  readonly etag: string;
  readonly gzip: Buffer;
  /** Unpacks it: for the client that does not take gzip. */
  plain(): Buffer;
}

/** Of an object the JSON, of a buffer the bytes as they are. */
export function cacheDocument(document: object | Buffer, contentType: string): CachedDocument {
  const bytes = Buffer.isBuffer(document) ? document : Buffer.from(JSON.stringify(document));
  const etag = `"${createHash('sha512').update(bytes).digest('hex').toUpperCase()}"`;
  return packDocument(gzipSync(bytes), etag, contentType);
}

export function packDocument(gzip: Uint8Array, etag: string, contentType: string): CachedDocument {
  const packed = Buffer.from(gzip.buffer, gzip.byteOffset, gzip.byteLength);
  return { contentType, etag, gzip: packed, plain: () => gunzipSync(packed) };
}
