import type { Secret, ServiceAccount } from '@slipway/api/types';

export const accountTokenType = 'kubernetes.io/service-account-token';
export const accountAnnotation = 'kubernetes.io/service-account.name';
const uidAnnotation = 'kubernetes.io/service-account.uid';

export type TokenPlan =
  | { readonly op: 'leave' }
  /** Its service account is gone, or another one has its name. */
  | { readonly op: 'delete' }
  | { readonly op: 'fill'; readonly account: { readonly name: string; readonly uid: string } };

export function planAccountToken(secret: Secret, account: ServiceAccount | undefined, caPem: string): TokenPlan {
  if (secret.metadata.deletionTimestamp) return { op: 'leave' };
  const { name = '', uid = '' } = account?.metadata ?? {};
  const bound = secret.metadata.annotations?.[uidAnnotation];
  if (!account || (bound && bound !== uid)) return { op: 'delete' };
  const wanted = constantData(secret, caPem);
  const isFilled =
    bound === uid &&
    Boolean(secret.data?.token) &&
    Object.entries(wanted).every(([key, value]) => secret.data?.[key] === value);
  return isFilled ? { op: 'leave' } : { op: 'fill', account: { name, uid } };
}

export function filled(secret: Secret, uid: string, token: string, caPem: string): Secret {
  const { metadata, data } = secret;
  return {
    ...secret,
    metadata: { ...metadata, annotations: { ...metadata.annotations, [uidAnnotation]: uid } },
    data: { ...data, ...constantData(secret, caPem), token: data?.token || encoded(token) },
  };
}

function constantData({ metadata }: Secret, caPem: string): Record<string, string> {
  return { 'ca.crt': encoded(caPem), namespace: encoded(metadata.namespace ?? '') };
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}
