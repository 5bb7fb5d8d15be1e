/** Whether what a token is bound to is still there: the same object, and not long on its way out. Texts are upstream's. */
import type { KubeObject, Secret } from '@slipway/api/types';
import type { StrategyContext } from '../registry/strategy.ts';
import type { BoundClaims, LegacyClaims, ObjectRef } from './token-claims.ts';

type Read = StrategyContext['read'];

const invalidated = 'service account token has been invalidated';

/** What is being deleted may use its token for this long: a pod that ends says goodbye. */
const leewayMs = 60_000;

/** Why the token does not hold any more; undefined = it does. */
export function boundProblem(claims: BoundClaims, read: Read, nowMs: number): string | undefined {
  const { namespace, serviceaccount, pod, secret, node } = claims['kubernetes.io'];
  const account = accountProblem(read, namespace, serviceaccount, nowMs);
  if (account) return account;
  if (secret) {
    return objectProblem(read('secrets', '', namespace, secret.name), secret, 'secret', nowMs);
  }
  if (pod) return objectProblem(read('pods', '', namespace, pod.name), pod, 'pod', nowMs);
  // Of a token that is bound to a pod the node is for information.
  if (node?.uid) {
    return objectProblem(read('nodes', '', undefined, node.name), { name: node.name, uid: node.uid }, 'node', nowMs);
  }
  return undefined;
}

export function legacyProblem(claims: LegacyClaims, token: string, read: Read, nowMs: number): string | undefined {
  const namespace = claims['kubernetes.io/serviceaccount/namespace'];
  const name = claims['kubernetes.io/serviceaccount/service-account.name'];
  const uid = claims['kubernetes.io/serviceaccount/service-account.uid'];
  if (claims.sub !== `system:serviceaccount:${namespace}:${name}`) return 'sub claim does not match namespace and name';
  const secretName = claims['kubernetes.io/serviceaccount/secret.name'];
  const secret = read('secrets', '', namespace, secretName) as Secret | undefined;
  if (!secret || isGone(secret, nowMs)) return invalidated;
  if (Buffer.from(secret.data?.token ?? '', 'base64').toString() !== token) {
    return "service account token does not match server's copy";
  }
  return accountProblem(read, namespace, { name, uid }, nowMs);
}

function accountProblem(read: Read, namespace: string, { name, uid }: ObjectRef, nowMs: number): string | undefined {
  const account = read('serviceaccounts', '', namespace, name);
  if (!account) return `serviceaccounts ${JSON.stringify(name)} not found`;
  if (isGone(account, nowMs)) return `service account ${namespace}/${name} has been deleted`;
  const found = account.metadata.uid ?? '';
  return found === uid ? undefined : `service account UID (${found}) does not match claim (${uid})`;
}

function objectProblem(
  object: KubeObject | undefined,
  { uid }: ObjectRef,
  what: 'pod' | 'secret' | 'node',
  nowMs: number,
): string | undefined {
  if (!object || isGone(object, nowMs)) return invalidated;
  const found = object.metadata.uid ?? '';
  return found === uid ? undefined : `${what} UID (${found}) does not match service account ${what} ref claim (${uid})`;
}

function isGone({ metadata }: KubeObject, nowMs: number): boolean {
  return metadata.deletionTimestamp !== undefined && Date.parse(metadata.deletionTimestamp) + leewayMs < nowMs;
}
