import { configKeyProblems, dnsSubdomainProblems } from '@slipway/api/names';
import type { SecretKeySelector } from '@slipway/api/types';

const defaultKey = 'value';

/**
 * The Secret that a `valueFrom` of ECS names, in the task's namespace:
 *
 *     db-password                                                           key `value` of the Secret `db-password`
 *     db:password                                                           key `password` of `db`
 *     db/password   arn:aws:ssm:REGION:ACCOUNT:parameter/db/password         key `password` of `db`
 *     arn:aws:secretsmanager:REGION:ACCOUNT:secret:db                       key `value` of `db`
 *     arn:aws:secretsmanager:REGION:ACCOUNT:secret:db:password::            key `password` of `db`
 *     arn:aws:secretsmanager:REGION:ACCOUNT:secret:db-Ab3dEf:password::     key `password` of `db`
 *
 * Slashes before the last one become dots, since names of Secrets have none. The six characters that Secrets Manager hangs on a name are left off
 * where they cannot be part of a Secret's name, that is, where there is an upper case letter among them.
 */
export function secretKeyFrom(valueFrom: string): SecretKeySelector {
  const [, , service, , , kind, name = '', key = ''] = valueFrom.split(':');
  if (valueFrom.startsWith('arn:') && service === 'secretsmanager' && kind === 'secret') {
    return { name: withoutSuffix(name).replaceAll('/', '.'), key: key || defaultKey };
  }
  if (valueFrom.startsWith('arn:')) return fromPath((kind ?? '').replace(/^parameter/, ''));
  const [path = '', ...keys] = valueFrom.split(':');
  return keys.length > 0 ? { name: dotted(path), key: keys.join(':') } : fromPath(path);
}

function fromPath(path: string): SecretKeySelector {
  const words = wordsOf(path);
  const last = words.length > 1 ? words.pop() : undefined;
  return { name: words.join('.'), key: last ?? defaultKey };
}

const wordsOf = (path: string) => path.split('/').filter((word) => word !== '');
const dotted = (path: string) => wordsOf(path).join('.');

function withoutSuffix(name: string): string {
  const [, stem, suffix = ''] = /^(.+)-([A-Za-z0-9]{6})$/.exec(name) ?? [];
  return stem !== undefined && /[A-Z]/.test(suffix) ? stem : name;
}

/** Why a `valueFrom` cannot be a Secret's key; undefined when it can. */
export function secretReferenceProblem(valueFrom: string): string | undefined {
  const [, , service, , , kind, , , stage, version] = valueFrom.split(':');
  if (valueFrom.startsWith('arn:') && !(service === 'ssm' || (service === 'secretsmanager' && kind === 'secret'))) {
    return 'it is neither a secret of Secrets Manager nor a parameter of SSM';
  }
  if (service === 'secretsmanager' && (version || (stage && stage !== 'AWSCURRENT'))) {
    return 'Secrets have no versions, only the current value';
  }
  const { name = '', key } = secretKeyFrom(valueFrom);
  const problem = dnsSubdomainProblems(name)[0] ?? configKeyProblems(key)[0];
  return problem && `it would be the key ${JSON.stringify(key)} of the Secret ${JSON.stringify(name)}: ${problem}`;
}

/** The Secret with a registry's credentials: the name, or the last part of an ARN. */
export function credentialsSecretName(parameter: string): string {
  return secretKeyFrom(parameter).name ?? '';
}
