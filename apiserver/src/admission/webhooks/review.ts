/** AdmissionReview, as webhooks are asked and as they answer. Source: the API group admission.k8s.io, v1. */
import { isJsonObject } from '@slipway/api/patch/json-value';
import type { KubeObject } from '@slipway/api/types';
import type { ServedResource } from '../../registry/kinds.ts';
import type { AdmissionRequest, AdmissionWrite } from '../plugin.ts';

const reviewGroup = 'admission.k8s.io';

export interface ReviewResponse {
  readonly allowed: boolean;
  readonly status: ReviewStatus | undefined;
  /** A JSON patch (RFC 6902), parsed. */
  readonly patch: unknown;
  readonly warnings: readonly string[];
}

export interface ReviewStatus {
  readonly code?: number;
  readonly message?: string;
  readonly reason?: string;
  readonly details?: object;
}

/** What came back is no answer to what was asked. */
export class ReviewError extends Error {
  override readonly name = 'ReviewError';
}

export interface Asked {
  readonly uid: string;
  /** `v1` or `v1beta1`. */
  readonly version: string;
  /** The version in which the webhook wants to see the object. */
  readonly served: ServedResource;
}

export function reviewBody(write: AdmissionWrite, { uid, version, served }: Asked): string {
  const { request } = write;
  const { user, name, namespace, operation, subresource, dryRun } = request;
  const { extra } = user;
  const objectName = name ?? (write.draft ?? write.old)?.metadata.name;
  return JSON.stringify({
    kind: 'AdmissionReview',
    apiVersion: `${reviewGroup}/${version}`,
    request: {
      uid,
      kind: kindOf(served, request),
      resource: resourceOf(served),
      ...(subresource === undefined ? {} : { subResource: subresource }),
      requestKind: kindOf(request.served, request),
      requestResource: resourceOf(request.served),
      ...(subresource === undefined ? {} : { requestSubResource: subresource }),
      ...(objectName ? { name: objectName } : {}),
      ...(namespace === undefined ? namespaceOfNamespace(request, write) : { namespace }),
      operation,
      userInfo: {
        username: user.name,
        ...(user.uid === undefined ? {} : { uid: user.uid }),
        groups: user.groups,
        ...(extra ? { extra } : {}),
      },
      object: write.draft ? shown(write.draft, served, request) : null,
      oldObject: write.old ? shown(write.old, served, request) : null,
      dryRun,
      options: optionsOf(request),
    },
  });
}

/** As upstream: a namespace is named as its own. */
function namespaceOfNamespace({ api, name }: AdmissionRequest, { draft }: AdmissionWrite): { namespace?: string } {
  const own = name ?? draft?.metadata.name;
  return api.group === '' && api.resource === 'namespaces' && own ? { namespace: own } : {};
}

const optionKinds = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions', CONNECT: undefined };

export function optionsOf({ operation, dryRun }: AdmissionRequest): object | null {
  const kind = optionKinds[operation];
  return kind ? { kind, apiVersion: 'meta.k8s.io/v1', ...(dryRun ? { dryRun: ['All'] } : {}) } : null;
}

export function kindOf({ api }: ServedResource, { subject }: AdmissionRequest) {
  return subject?.kind ?? { group: api.group, version: api.version, kind: api.kind };
}

function resourceOf({ api }: ServedResource) {
  return { group: api.group, version: api.version, resource: api.resource };
}

export function shown(object: KubeObject, { view }: ServedResource, { subject }: AdmissionRequest): KubeObject {
  return view && !subject ? view.toServed(object) : object;
}

/** Throws ReviewError. */
export function parseReview(text: string, { uid, version }: Asked, mayPatch: boolean): ReviewResponse {
  const review = parsed(text);
  const expected = `${reviewGroup}/${version}, Kind=AdmissionReview`;
  const got = isJsonObject(review) ? `${String(review.apiVersion ?? '')}, Kind=${String(review.kind ?? '')}` : '';
  if (got !== expected) throw new ReviewError(`expected webhook response of ${expected}, got ${got}`);
  const response = isJsonObject(review) ? review.response : undefined;
  if (!isJsonObject(response)) throw new ReviewError('webhook response was absent');
  if (version === 'v1' && response.uid !== uid) {
    throw new ReviewError(
      `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(String(response.uid ?? ''))}`,
    );
  }
  const { allowed, status, warnings } = response;
  return {
    allowed: allowed === true,
    status: isJsonObject(status) ? (status as ReviewStatus) : undefined,
    patch: patchOf(response, mayPatch),
    warnings: Array.isArray(warnings) ? warnings.filter((each) => typeof each === 'string') : [],
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ReviewError(`couldn't get version/kind; json parse error: ${(error as Error).message}`, { cause: error });
  }
}

function patchOf({ patch, patchType }: Readonly<Record<string, unknown>>, mayPatch: boolean): unknown {
  const hasPatch = typeof patch === 'string' && patch !== '';
  if (!mayPatch) {
    if (hasPatch) throw new ReviewError('validating webhook may not return response.patch');
    if (patchType !== undefined && patchType !== null) {
      throw new ReviewError('validating webhook may not return response.patchType');
    }
    return undefined;
  }
  const hasType = typeof patchType === 'string' && patchType !== '';
  if (hasPatch && !hasType) throw new ReviewError('webhook returned response.patch but not response.patchType');
  if (!hasPatch && hasType) throw new ReviewError('webhook returned response.patchType but not response.patch');
  if (!hasPatch) return undefined;
  if (patchType !== 'JSONPatch') {
    throw new ReviewError(`webhook returned invalid response.patchType of ${JSON.stringify(patchType)}`);
  }
  return parsed(Buffer.from(patch, 'base64').toString());
}
