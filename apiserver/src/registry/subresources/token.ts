import type { KubeObject, Pod, TokenRequest } from '@slipway/api/types';
import { type FieldError, invalid, invalidError } from '@slipway/api/validation/field-error';
import { formatTime } from '@slipway/kit/clock';
import type { StrategyContext } from '../strategy.ts';
import { badRequest, conflict, notFound } from '../status-errors.ts';

/** Who signs. Shaped as the authenticator's `issue`, which the registry does not know. */
export interface TokenIssuer {
  readonly apiAudiences: readonly string[];
  issue(request: {
    readonly namespace: string;
    readonly serviceAccount: { readonly name: string; readonly uid: string };
    readonly audiences: readonly string[];
    readonly expirationSeconds: number;
    readonly pod?: { readonly name: string; readonly uid: string };
    readonly secret?: { readonly name: string; readonly uid: string };
    readonly node?: { readonly name: string; readonly uid?: string };
  }): { readonly token: string; readonly expiresAtMs: number };
}

const expirationSecondsDefault = 3600;
const expirationSecondsMin = 600;
const expirationSecondsMax = 2 ** 32;

/** Answers the request with a token in its status. Throws StatusError. */
export function requestToken(
  request: KubeObject,
  account: KubeObject,
  issuer: TokenIssuer,
  read: StrategyContext['read'],
): KubeObject {
  const { name = '', namespace = '', uid = '' } = account.metadata;
  const { metadata, spec } = request as TokenRequest;
  if (metadata?.name && metadata.name !== name) {
    throw badRequest(
      `metadata.name: Invalid value: ${JSON.stringify(metadata.name)}: must match the service account name`,
    );
  }
  const { audiences = [], expirationSeconds = expirationSecondsDefault, boundObjectRef } = spec ?? {};
  const errors = validateExpiration(expirationSeconds);
  if (errors.length > 0) throw invalidError('TokenRequest', 'authentication.k8s.io', '', errors);
  const wanted = audiences.length > 0 ? audiences : issuer.apiAudiences;
  const { token, expiresAtMs } = issuer.issue({
    namespace,
    serviceAccount: { name, uid },
    audiences: wanted,
    expirationSeconds,
    ...(boundObjectRef ? boundTo(boundObjectRef, namespace, name, read) : {}),
  });
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name, namespace },
    spec: { audiences: wanted, expirationSeconds, ...(boundObjectRef ? { boundObjectRef } : {}) },
    status: { token, expirationTimestamp: formatTime(expiresAtMs) },
  } as KubeObject;
}

function validateExpiration(seconds: number): FieldError[] {
  if (seconds < expirationSecondsMin) {
    return [invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes')];
  }
  if (seconds > expirationSecondsMax) {
    return [invalid('spec.expirationSeconds', seconds, 'may not specify a duration larger than 2^32 seconds')];
  }
  return [];
}

type BoundObjectRef = NonNullable<NonNullable<TokenRequest['spec']>['boundObjectRef']>;

const boundResources: Readonly<Record<string, string>> = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' };

function boundTo(ref: BoundObjectRef, namespace: string, account: string, read: StrategyContext['read']) {
  const { kind = '', apiVersion = '', name = '', uid } = ref;
  const resource = apiVersion === 'v1' ? boundResources[kind] : undefined;
  if (resource === undefined) {
    const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
    throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  }
  const object = read(resource, '', resource === 'nodes' ? undefined : namespace, name);
  if (!object) throw notFound({ group: '', resource }, name);
  const found = object.metadata.uid ?? '';
  if (uid && uid !== found) {
    throw conflict(
      { group: '', resource: kind },
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  const bound = { name, uid: found };
  if (resource === 'secrets') return { secret: bound };
  if (resource === 'nodes') return { node: bound };
  const { serviceAccountName, nodeName } = (object as Pod).spec ?? {};
  if (serviceAccountName !== account) {
    throw badRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
    );
  }
  const node = nodeName ? { name: nodeName, ...nodeUid(read('nodes', '', undefined, nodeName)) } : undefined;
  return { pod: bound, ...(node ? { node } : {}) };
}

function nodeUid(node: KubeObject | undefined): { uid?: string } {
  return node?.metadata.uid === undefined ? {} : { uid: node.metadata.uid };
}
