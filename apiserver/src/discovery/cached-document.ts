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

export function cacheDocument(document: object, contentType: string): CachedDocument {
  const text = Buffer.from(JSON.stringify(document));
  const gzip = gzipSync(text);
  return {
    contentType,
    etag: `"${createHash('sha512').update(text).digest('hex').toUpperCase()}"`,
    gzip,
    plain: () => gunzipSync(gzip),
  };
}
