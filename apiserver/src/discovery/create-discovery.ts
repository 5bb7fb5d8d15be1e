import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { apiVersionOf } from '@slipway/api/resources';
import { cacheDocument, type CachedDocument } from './cached-document.ts';
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from './discovery-documents.ts';
import { makeOpenApiInThread, type OpenApiRequest, protobufTypes } from './make-openapi.ts';
import { builtInDocumentPath } from './openapi-schema.ts';
import type { ServedResource } from './served-resource.ts';

export interface DiscoveryOptions {
  /** `HOST:PORT` that /api advertises. */
  readonly serverAddress: string;
  /** Default: in a thread. */
  readonly makeOpenApi?: (request: OpenApiRequest) => Promise<CachedDocument>;
}

/** Everything that a server says of itself. Each document is made on first use and kept; a changed set of resources needs a new Discovery. */
export interface Discovery {
  /** `/api` */
  apiVersions(): CachedDocument;
  /** `/apis` */
  groupList(): CachedDocument;
  /** `/apis/GROUP` */
  group(name: string): CachedDocument | undefined;
  /** `/api/VERSION` with the empty group, `/apis/GROUP/VERSION` */
  resourceList(group: string, version: string): CachedDocument | undefined;
  /** `/api` and `/apis` for clients whose Accept header says so; see aggregatedVersion. */
  aggregated(scope: 'core' | 'groups', version: 'v2' | 'v2beta1'): CachedDocument;
  /** `/openapi/v2`; which form, see openApiV2Form. */
  openApiV2(form: OpenApiV2Form): Promise<CachedDocument>;
  /** `/openapi/v3` */
  openApiV3Index(): CachedDocument;
  /** `/openapi/v3/api/VERSION` with the empty group, `/openapi/v3/apis/GROUP/VERSION` */
  openApiV3(group: string, version: string): Promise<CachedDocument | undefined>;
}

export function createDiscovery(resources: readonly ServedResource[], options: DiscoveryOptions): Discovery {
  const { serverAddress, makeOpenApi = makeOpenApiInThread } = options;
  const cache = new Map<string, CachedDocument>();
  function cached(
    key: string,
    make: () => object | undefined,
    contentType = 'application/json',
  ): CachedDocument | undefined {
    const known = cache.get(key);
    if (known) return known;
    const document = make();
    if (!document) return undefined;
    const made = cacheDocument(document, contentType);
    cache.set(key, made);
    return made;
  }
  function always(key: string, make: () => object, contentType?: string): CachedDocument {
    return cached(key, make, contentType) ?? cacheDocument(make(), contentType ?? 'application/json');
  }

  const openApiDocuments = new Map<string, Promise<CachedDocument>>();
  function openApi(key: string, request: OpenApiRequest): Promise<CachedDocument> {
    const known = openApiDocuments.get(`${request.form} ${key}`);
    if (known) return known;
    const made = makeOpenApi(request);
    openApiDocuments.set(`${request.form} ${key}`, made);
    // A failure is for the request that met it; the next one tries again.
    made.catch(() => openApiDocuments.delete(`${request.form} ${key}`));
    return made;
  }

  return {
    apiVersions: () => always('/api', () => apiVersions(resources, serverAddress)),
    groupList: () => always('/apis', () => apiGroupList(resources)),
    group: (name) => cached(`/apis/${name}`, () => apiGroup(resources, name)),
    resourceList: (group, version) =>
      cached(`/apis/${group}/${version}`, () => apiResourceList(resources, group, version)),
    aggregated: (scope, version) =>
      always(
        `aggregated ${scope} ${version}`,
        () => aggregatedDiscovery(resources, scope, version),
        `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
      ),
    openApiV2: (form) => openApi('v2', { form: `v2-${form}`, resources }),
    openApiV3Index: () => always('/openapi/v3', () => openApiV3Index(resources)),
    async openApiV3(group, version) {
      const own = resources.filter((resource) => resource.group === group && resource.version === version);
      return own.length > 0 ? openApi(`${group}/${version}`, { form: 'v3', resources: own }) : undefined;
    },
  };
}

/**
 * The index of the v3 documents. Clients keep a document for as long as its hash stays, so the hash covers what the document is made from:
 * the generated schemas and the served resources. That saves making all documents when a client wants one.
 */
function openApiV3Index(resources: readonly ServedResource[]): object {
  const schemas = createHash('sha512').update(readFileSync(builtInDocumentPath())).digest('hex');
  const byPath = Map.groupBy(resources, (resource) =>
    resource.group === '' ? `api/${resource.version}` : `apis/${apiVersionOf(resource)}`,
  );
  const entries = [...byPath].map(([path, own]) => {
    const hash = createHash('sha512').update(schemas).update(JSON.stringify(own)).digest('hex').toUpperCase();
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }] as const;
  });
  return { paths: Object.fromEntries(entries) };
}

export type OpenApiV2Form = 'json' | 'protobuf';

/** Which form of /openapi/v2 an Accept header asks for first; undefined (406) when it takes neither. */
export function openApiV2Form(accept: string | undefined): OpenApiV2Form | undefined {
  for (const range of (accept || '*/*').split(',')) {
    const type = range.split(';')[0]?.trim() ?? '';
    if (type === 'application/json' || type === 'application/*' || type === '*/*') return 'json';
    if (protobufTypes.some((known) => known === type)) return 'protobuf';
  }
  return undefined;
}

/** Which aggregated form an Accept header asks for before any other, if it asks for one. */
export function aggregatedVersion(accept: string): 'v2' | 'v2beta1' | undefined {
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const values = new Map(parameters.map((parameter) => parameter.split('=') as [string, string]));
    const version = values.get('v');
    if (values.get('as') === 'APIGroupDiscoveryList' && values.get('g') === 'apidiscovery.k8s.io') {
      if (version === 'v2' || version === 'v2beta1') return version;
    } else if (type === 'application/json' || type === '*/*') {
      return undefined;
    }
  }
  return undefined;
}
