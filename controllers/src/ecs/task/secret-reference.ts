import type { SecretKeySelector } from '@slipway/api/types';

const defaultKey = 'value';

/**
 * The Secret that a `valueFrom` of ECS names, in the task's namespace:
 *
 *     db-password                                                           key `value` of the Secret `db-password`
 *     db/password   arn:aws:ssm:REGION:ACCOUNT:parameter/db/password         key `password` of `db`
 *     arn:aws:secretsmanager:REGION:ACCOUNT:secret:db                       key `value` of `db`
 *     arn:aws:secretsmanager:REGION:ACCOUNT:secret:db:password::            key `password` of `db`
 *
 * Slashes before the last one become dots, since names of Secrets have none.
 */
export function secretKeyFrom(valueFrom: string): SecretKeySelector {
  const [, , service, , , kind, name = '', key = ''] = valueFrom.split(':');
  if (valueFrom.startsWith('arn:') && service === 'secretsmanager' && kind === 'secret') {
    return { name: name.replaceAll('/', '.'), key: key || defaultKey };
  }
  const path = valueFrom.startsWith('arn:') ? (kind ?? '').replace(/^parameter/, '') : valueFrom;
  const words = path.split('/').filter((word) => word !== '');
  const last = words.length > 1 ? words.pop() : undefined;
  return { name: words.join('.'), key: last ?? defaultKey };
}

/** The Secret with a registry's credentials: the name, or the last part of an ARN. */
export function credentialsSecretName(parameter: string): string {
  return secretKeyFrom(parameter).name ?? '';
}
