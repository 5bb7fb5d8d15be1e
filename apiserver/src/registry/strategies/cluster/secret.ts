import { configKeyProblems } from '@slipway/api/names';
import type { Secret } from '@slipway/api/types';
import { type FieldError, invalid, pushInvalid, required, tooLong } from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { base64Size, contentBytesMax, validateFrozen } from './content.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

/** Keys that a type must have. */
const requiredKeys: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
]);
/** Keys whose value must be JSON. */
const jsonKeys: ReadonlyMap<string, string> = new Map([
  ['kubernetes.io/dockercfg', '.dockercfg'],
  ['kubernetes.io/dockerconfigjson', '.dockerconfigjson'],
]);
const accountAnnotation = 'kubernetes.io/service-account.name';

export const secretStrategy: Strategy<Secret> = {
  resource: descriptorOf('', 'v1', 'secrets'),
  defaults(draft) {
    draft.type ||= 'Opaque';
    if (!draft.stringData) return;
    const data = { ...draft.data };
    for (const [key, value] of Object.entries(draft.stringData)) data[key] = Buffer.from(value).toString('base64');
    draft.data = data;
    delete draft.stringData;
  },
  prepareCreate: dropGeneration,
  prepareUpdate(draft, old) {
    // Clients that know no types send none back: the type stays.
    if (draft.type === 'Opaque' && !old.type) draft.type = old.type;
  },
  validate(draft) {
    const errors: FieldError[] = [];
    let bytes = 0;
    for (const [key, value] of Object.entries(draft.data ?? {})) {
      pushInvalid(errors, `data[${key}]`, key, configKeyProblems(key));
      bytes += base64Size(value);
    }
    if (bytes > contentBytesMax) errors.push(tooLong('data', contentBytesMax));
    validateType(errors, draft);
    return errors;
  },
  validateUpdate(draft, old) {
    const errors: FieldError[] = [];
    if (draft.type !== old.type) errors.push(invalid('type', draft.type, 'field is immutable'));
    errors.push(...validateFrozen(draft, old, ['data']));
    return errors;
  },
  selectableFields: { type: (secret) => secret.type ?? '' },
};

function validateType(errors: FieldError[], { type = '', data = {}, metadata }: Secret): void {
  for (const key of requiredKeys.get(type) ?? []) {
    if (data[key] === undefined) errors.push(required(`data[${key}]`));
  }
  const jsonKey = jsonKeys.get(type);
  if (jsonKey !== undefined) {
    const value = data[jsonKey];
    if (value === undefined) errors.push(required(`data[${jsonKey}]`));
    else validateJson(errors, value, `data[${jsonKey}]`);
  }
  if (type === 'kubernetes.io/basic-auth' && data.username === undefined && data.password === undefined) {
    errors.push(required('data[username]'), required('data[password]'));
  }
  if (type === 'kubernetes.io/service-account-token' && !metadata.annotations?.[accountAnnotation]) {
    errors.push(required(`metadata.annotations[${accountAnnotation}]`));
  }
}

function validateJson(errors: FieldError[], base64: string, path: string): void {
  try {
    JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    errors.push(invalid(path, '<secret contents redacted>', detail));
  }
}
