/** Paths that are no resources: what the server says of itself. Each is authorised by its path. */
import type { Discovery } from '../discovery/create-discovery.ts';
import type { CachedDocument } from '../discovery/cached-document.ts';
import { aggregatedVersion, openApiV2Form } from '../discovery/negotiation.ts';
import { serverVersion } from '../discovery/version.ts';
import type { ServiceAccountTokens } from '../authn/service-account-tokens.ts';
import { StatusError } from '@slipway/api/status-error';
import { unknownPath } from '../registry/status-errors.ts';
import { answerHealth, type HealthCheck, type HealthPath, healthPaths } from './health.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { ObjectCauses } from './causes.ts';
import { preferredSyntax } from './negotiation.ts';
import { protobufBytes } from './protobuf/protobuf-answer.ts';

export interface PathParts {
  readonly discovery: Discovery;
  readonly tokens: ServiceAccountTokens;
  readonly metrics: Metrics;
  readonly checks: readonly HealthCheck[];
  readonly architecture: string;
  /** Why an object is there; see `causes.ts`. */
  readonly causes: (path: string) => Promise<ObjectCauses>;
}

export type PathAnswer =
  | { readonly kind: 'document'; readonly document: CachedDocument }
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'protobuf'; readonly bytes: Uint8Array }
  | { readonly kind: 'text'; readonly code: number; readonly text: string; readonly contentType: string };

export interface PathRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string | undefined;
}

/** Throws StatusError NotFound for a path that nothing is at. */
export async function answerPath(request: PathRequest, parts: PathParts): Promise<PathAnswer> {
  const segments = request.path.split('/').filter((segment) => segment !== '');
  const [first = ''] = segments;
  if (healthPaths.includes(first as HealthPath)) return await health(first as HealthPath, segments, request, parts);
  const document = await documentAt(segments, request, parts.discovery);
  if (document) return wantsProtobuf(request.accept, document) ? protobufOf(document) : { kind: 'document', document };
  const path = `/${segments.join('/')}`;
  if (path.startsWith(causesPrefix))
    return { kind: 'json', value: await parts.causes(path.slice(causesPrefix.length)) };
  switch (path) {
    case '/':
      return { kind: 'json', value: { paths: rootPaths } };
    case '/version':
      return { kind: 'json', value: serverVersion(parts.architecture) };
    case '/metrics':
      return {
        kind: 'text',
        code: 200,
        text: parts.metrics.text(),
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
      };
    case '/openid/v1/jwks':
      return {
        kind: 'text',
        code: 200,
        text: JSON.stringify({ keys: [parts.tokens.publicKey] }),
        contentType: 'application/jwk-set+json',
      };
    case '/.well-known/openid-configuration':
      return { kind: 'json', value: openIdConfiguration(parts.tokens.issuer) };
    default:
      throw unknownPath();
  }
}

/** Of the documents of discovery, which are small. Whoever wants the aggregated form asks for JSON. */
function wantsProtobuf(accept: string | undefined, { contentType }: CachedDocument): boolean {
  return contentType === 'application/json' && preferredSyntax(accept) === 'protobuf';
}

function protobufOf(document: CachedDocument): PathAnswer {
  const value: unknown = JSON.parse(document.plain().toString());
  // What is no API object (OpenAPI) is JSON whatever a client would like.
  const isObject = typeof value === 'object' && value !== null && 'kind' in value;
  return isObject
    ? { kind: 'protobuf', bytes: protobufBytes({ apiVersion: 'v1', ...value }) }
    : { kind: 'document', document };
}

const causesPrefix = '/slipway/causes';

const rootPaths = [
  '/.well-known/openid-configuration',
  '/api',
  '/api/v1',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/openid/v1/jwks',
  '/readyz',
  '/version',
];

async function health(
  path: HealthPath,
  [, ...rest]: readonly string[],
  { query }: PathRequest,
  { checks }: PathParts,
): Promise<PathAnswer> {
  const only = rest.length === 0 ? undefined : rest.join('/');
  const answered = await answerHealth(path, only, checks, query);
  if (!answered) throw unknownPath();
  return { kind: 'text', code: answered.code, text: answered.text, contentType: 'text/plain; charset=utf-8' };
}

async function documentAt(
  [first, second, third, fourth, fifth]: readonly string[],
  { accept }: PathRequest,
  discovery: Discovery,
): Promise<CachedDocument | undefined> {
  const aggregated = aggregatedVersion(accept);
  switch (first) {
    case 'api':
      if (second !== undefined) return third === undefined ? discovery.resourceList('', second) : undefined;
      return aggregated ? discovery.aggregated('core', aggregated) : discovery.apiVersions();
    case 'apis':
      if (second === undefined) return aggregated ? discovery.aggregated('groups', aggregated) : discovery.groupList();
      if (third === undefined) return discovery.group(second);
      return fourth === undefined ? discovery.resourceList(second, third) : undefined;
    case 'openapi':
      if (second === 'v2' && third === undefined) return await openApiV2(accept, discovery);
      if (second !== 'v3') return undefined;
      if (third === undefined) return await discovery.openApiV3Index();
      if (third === 'api' && fourth !== undefined) return await discovery.openApiV3('', fourth);
      return third === 'apis' && fourth && fifth ? await discovery.openApiV3(fourth, fifth) : undefined;
    default:
      return undefined;
  }
}

async function openApiV2(accept: string | undefined, discovery: Discovery): Promise<CachedDocument> {
  const form = openApiV2Form(accept);
  if (form) return await discovery.openApiV2(form);
  throw new StatusError(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
  );
}

/** OpenID Connect Discovery, section 3: what a verifier of our tokens needs. */
function openIdConfiguration(issuer: string): object {
  return {
    issuer,
    jwks_uri: `${issuer}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
}
