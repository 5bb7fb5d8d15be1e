// Makes OpenAPI documents in a thread of their own. A document takes up to a quarter of a second and tens of megabytes to make, and is made
// once: in a thread, requests go on meanwhile, and the memory goes back to the system when the thread ends.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type CachedDocument, cacheDocument, packDocument } from './cached-document.ts';
import { openApiV2Document, openApiV3Document } from './openapi-document.ts';
import { readBuiltInSchemas } from './openapi-schema.ts';
import { encodeOpenApiV2 } from './openapi-v2-protobuf.ts';
import type { ServedResource } from './served-resource.ts';

export interface OpenApiRequest {
  /** v3 is one document per group and version; the resources are those of one. */
  readonly form: 'v3' | 'v2-json' | 'v2-protobuf';
  readonly resources: readonly ServedResource[];
}

/** The type has an old name with an @, which is not a legal media type and is still what clients ask for. */
export const protobufTypes = [
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
] as const;

/** What a thread sends back; a CachedDocument has a method, which cannot travel. */
interface Made {
  readonly gzip: Uint8Array;
  readonly etag: string;
}

const workerMark = 'slipway-make-openapi';

export function makeOpenApiInThread(request: OpenApiRequest): Promise<CachedDocument> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { mark: workerMark, request } });
    worker.once('message', ({ gzip, etag }: Made) => resolve(packDocument(gzip, etag, contentTypeOf(request))));
    worker.once('error', (cause) => reject(new Error(`making the OpenAPI document ${request.form}`, { cause })));
    worker.once('exit', (code) =>
      reject(new Error(`making the OpenAPI document ${request.form}: thread exited with ${code}`)),
    );
  });
}

/** The same in the calling thread. */
export function makeOpenApi(request: OpenApiRequest): CachedDocument {
  const schemas = readBuiltInSchemas();
  const { form, resources } = request;
  const contentType = contentTypeOf(request);
  switch (form) {
    case 'v3':
      return cacheDocument(openApiV3Document(resources, schemas), contentType);
    case 'v2-json':
      return cacheDocument(openApiV2Document(resources, schemas), contentType);
    case 'v2-protobuf':
      return cacheDocument(encodeOpenApiV2(openApiV2Document(resources, schemas)), contentType);
  }
}

function contentTypeOf({ form }: OpenApiRequest): string {
  return form === 'v2-protobuf' ? protobufTypes[0] : 'application/json';
}

if (!isMainThread && (workerData as { mark?: string } | null)?.mark === workerMark) {
  const { gzip, etag } = makeOpenApi((workerData as { request: OpenApiRequest }).request);
  parentPort?.postMessage({ gzip, etag } satisfies Made);
}
