/** The claims of service account tokens, bound ones and those of a Secret, and whom they name. */
import type { UserInfo } from '../registry/strategy.ts';

export interface ObjectRef {
  readonly name: string;
  readonly uid: string;
}

export interface BoundClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly jti: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: ObjectRef;
    readonly pod?: ObjectRef;
    readonly secret?: ObjectRef;
    readonly node?: { readonly name: string; readonly uid?: string };
  };
}

export const legacyIssuer = 'kubernetes/serviceaccount';

/** Of a token that a Secret of type `kubernetes.io/service-account-token` holds: it has no end but that of its Secret. */
export interface LegacyClaims {
  readonly iss: typeof legacyIssuer;
  readonly sub: string;
  readonly 'kubernetes.io/serviceaccount/namespace': string;
  readonly 'kubernetes.io/serviceaccount/secret.name': string;
  readonly 'kubernetes.io/serviceaccount/service-account.name': string;
  readonly 'kubernetes.io/serviceaccount/service-account.uid': string;
}

export function userOfBound({ sub, jti, 'kubernetes.io': bound }: BoundClaims): UserInfo {
  const { namespace, serviceaccount, pod, node } = bound;
  return {
    ...accountUser(sub, namespace, serviceaccount.uid),
    extra: {
      'authentication.kubernetes.io/credential-id': [`JTI=${jti}`],
      ...(node ? { 'authentication.kubernetes.io/node-name': [node.name] } : {}),
      ...(node?.uid ? { 'authentication.kubernetes.io/node-uid': [node.uid] } : {}),
      ...(pod ? { 'authentication.kubernetes.io/pod-name': [pod.name] } : {}),
      ...(pod ? { 'authentication.kubernetes.io/pod-uid': [pod.uid] } : {}),
    },
  };
}

export function userOfLegacy(claims: LegacyClaims): UserInfo {
  return accountUser(
    claims.sub,
    claims['kubernetes.io/serviceaccount/namespace'],
    claims['kubernetes.io/serviceaccount/service-account.uid'],
  );
}

function accountUser(name: string, namespace: string, uid: string) {
  return {
    name,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}
