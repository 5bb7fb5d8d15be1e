import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { apiVersionOf } from '@slipway/api/resources';
import { type CachedDocument, cacheJson, cacheLarge } from './cached-document.ts';
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from './discovery-documents.ts';
import { type OpenApiV2Form, openApiV2ProtobufType } from './negotiation.ts';
import { openApiV2Json, openApiV2Protobuf, openApiV3Json } from './openapi-document.ts';
import { builtInDocumentPath, readBuiltInSchemas } from './schema-texts.ts';
import type { AdvertisedResource } from './advertised-resource.ts';

export interface DiscoveryOptions {
  /** `HOST:PORT` that /api advertises. */
  readonly serverAddress: string;
}

/** The large documents by what they are made of: they outlive a change of resources that does not touch them. */
export type LargeDocuments = Map<string, Promise<CachedDocument>>;

/**
 * Everything that a server says of itself. Each document is made on first use and kept; a changed set of resources needs a new
 * Discovery. The negotiation of forms is in negotiation.ts.
 */
export interface Discovery {
  /** `/api` */
  apiVersions(): CachedDocument;
  /** `/apis` */
  groupList(): CachedDocument;
  /** `/apis/GROUP` */
  group(name: string): CachedDocument | undefined;
  /** `/api/VERSION` with the empty group, `/apis/GROUP/VERSION` */
  resourceList(group: string, version: string): CachedDocument | undefined;
  /** `/api` and `/apis` for clients whose Accept header says so. */
  aggregated(scope: 'core' | 'groups', version: 'v2' | 'v2beta1'): CachedDocument;
  /** `/openapi/v2` */
  openApiV2(form: OpenApiV2Form): Promise<CachedDocument>;
  /** `/openapi/v3` */
  openApiV3Index(): Promise<CachedDocument>;
  /** `/openapi/v3/api/VERSION` with the empty group, `/openapi/v3/apis/GROUP/VERSION` */
  openApiV3(group: string, version: string): Promise<CachedDocument | undefined>;
}

export function createDiscovery(
  resources: readonly AdvertisedResource[],
  { serverAddress }: DiscoveryOptions,
  large: LargeDocuments = new Map(),
): Discovery {
  const small = new Map<string, CachedDocument | undefined>();
  function once(key: string, make: () => CachedDocument): CachedDocument {
    const document = small.get(key) ?? make();
    small.set(key, document);
    return document;
  }
  function json(key: string, document: object | undefined): CachedDocument | undefined {
    return document ? once(key, () => cacheJson(document)) : undefined;
  }

  let fingerprintOfAll: string | undefined;
  function all(): string {
    fingerprintOfAll ??= fingerprint(resources);
    return fingerprintOfAll;
  }

  function onceLarge(key: string, make: () => Promise<CachedDocument>): Promise<CachedDocument> {
    const known = large.get(key);
    if (known) return known;
    if (large.size >= largeDocumentsMax) large.clear();
    const made = make();
    large.set(key, made);
    // A failure is for the requests that met it; the next one tries again.
    made.catch(() => large.delete(key));
    return made;
  }

  return {
    apiVersions: () => once('/api', () => cacheJson(apiVersions(resources, serverAddress))),
    groupList: () => once('/apis', () => cacheJson(apiGroupList(resources))),
    group: (name) => small.get(`/apis/${name}`) ?? json(`/apis/${name}`, apiGroup(resources, name)),
    resourceList(group, version) {
      const key = `/apis/${group}/${version}`;
      return small.get(key) ?? json(key, apiResourceList(resources, group, version));
    },
    aggregated: (scope, version) =>
      once(`aggregated ${scope} ${version}`, () => ({
        ...cacheJson(aggregatedDiscovery(resources, scope, version)),
        contentType: `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
      })),
    openApiV2: (form) =>
      onceLarge(`v2 ${form} ${all()}`, async () =>
        form === 'json'
          ? cacheLarge(openApiV2Json(resources, await readBuiltInSchemas()), 'application/json')
          : cacheLarge(openApiV2Protobuf(resources, await readBuiltInSchemas()), openApiV2ProtobufType),
      ),
    openApiV3Index: () => onceLarge(`v3 ${all()}`, async () => cacheJson(await openApiV3Index(resources))),
    async openApiV3(group, version) {
      const own = resources.filter((resource) => resource.group === group && resource.version === version);
      if (own.length === 0) return undefined;
      return onceLarge(`v3 ${fingerprint(own)}`, async () =>
        cacheLarge(openApiV3Json(own, await readBuiltInSchemas()), 'application/json'),
      );
    },
  };
}

/** Documents of resources that are served no more are forgotten with all others, which are made again when they are asked for. */
const largeDocumentsMax = 200;

function fingerprint(resources: readonly AdvertisedResource[]): string {
  return createHash('sha256').update(JSON.stringify(resources)).digest('base64');
}

/**
 * The index of the v3 documents. Clients keep a document for as long as its hash stays, so the hash covers what the document is made from:
 * the generated schemas and the served resources. That saves making all documents when a client wants one.
 */
async function openApiV3Index(resources: readonly AdvertisedResource[]): Promise<object> {
  const schemas = createHash('sha512')
    .update(await readFile(builtInDocumentPath()))
    .digest('hex');
  const byPath = Map.groupBy(resources, (resource) =>
    resource.group === '' ? `api/${resource.version}` : `apis/${apiVersionOf(resource)}`,
  );
  const entries = [...byPath].map(([path, own]) => {
    const hash = createHash('sha512').update(schemas).update(JSON.stringify(own)).digest('hex').toUpperCase();
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }] as const;
  });
  return { paths: Object.fromEntries(entries) };
}
