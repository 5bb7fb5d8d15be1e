import { labelValueProblems, qualifiedNameProblems } from '@slipway/api/names';
import type { StorageClass } from '@slipway/api/types';
import {
  type FieldError,
  duplicate,
  forbidden,
  invalid,
  notSupported,
  pushInvalid,
  required,
  tooLong,
} from '@slipway/api/validation/field-error';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

const parametersMax = 512;
const parametersBytesMax = 256 * 1024;
const reclaimPolicies = ['Delete', 'Retain'];
const bindingModes = ['Immediate', 'WaitForFirstConsumer'];

export const storageClassStrategy: Strategy<StorageClass> = {
  resource: descriptorOf('storage.k8s.io', 'v1', 'storageclasses'),
  answersDeletedObject: true,
  defaults(draft) {
    draft.reclaimPolicy ??= 'Delete';
    draft.volumeBindingMode ??= 'Immediate';
  },
  prepareCreate: dropGeneration,
  validate(draft) {
    const errors: FieldError[] = [];
    const { reclaimPolicy = '', volumeBindingMode = '' } = draft;
    validateProvisioner(errors, draft.provisioner ?? '', 'provisioner');
    validateParameters(errors, draft.parameters, 'parameters');
    if (!reclaimPolicies.includes(reclaimPolicy)) {
      errors.push(notSupported('reclaimPolicy', reclaimPolicy, reclaimPolicies));
    }
    if (!bindingModes.includes(volumeBindingMode)) {
      errors.push(notSupported('volumeBindingMode', volumeBindingMode, bindingModes));
    }
    validateTopologies(errors, draft.allowedTopologies ?? [], 'allowedTopologies');
    return errors;
  },
  validateUpdate(draft, old) {
    const errors: FieldError[] = [];
    for (const field of ['parameters', 'provisioner', 'reclaimPolicy'] as const) {
      if (semanticEqual(draft[field], old[field])) continue;
      errors.push(forbidden(field, `updates to ${field} are forbidden.`));
    }
    if (draft.volumeBindingMode !== old.volumeBindingMode) {
      errors.push(invalid('volumeBindingMode', draft.volumeBindingMode, 'field is immutable'));
    }
    return errors;
  },
};

/** Who makes the volumes of a class: a qualified name in any case. */
export function validateProvisioner(errors: FieldError[], provisioner: string, path: string): void {
  if (provisioner === '') errors.push(required(path));
  else pushInvalid(errors, path, provisioner, qualifiedNameProblems(provisioner.toLowerCase()));
}

export function validateParameters(
  errors: FieldError[],
  parameters: Readonly<Record<string, string>> = {},
  path: string,
): void {
  const names = Object.keys(parameters);
  if (names.length > parametersMax) errors.push(tooLong(path, parametersMax));
  let bytes = 0;
  for (const name of names) {
    if (name === '') errors.push(invalid(path, name, 'field can not be empty.'));
    bytes += Buffer.byteLength(name) + Buffer.byteLength(parameters[name] ?? '');
  }
  if (bytes > parametersBytesMax) errors.push(tooLong(path, parametersBytesMax));
}

function validateTopologies(
  errors: FieldError[],
  terms: NonNullable<StorageClass['allowedTopologies']>,
  path: string,
): void {
  terms.forEach(({ matchLabelExpressions = [] }, i) => {
    const keys = new Set<string>();
    matchLabelExpressions.forEach(({ key = '', values = [] }, j) => {
      const at = `${path}[${i}].matchLabelExpressions[${j}]`;
      pushInvalid(errors, `${at}.key`, key, qualifiedNameProblems(key));
      if (keys.has(key)) errors.push(duplicate(`${at}.key`, key));
      keys.add(key);
      if (values.length === 0) errors.push(required(`${at}.values`));
      values.forEach((value, k) => {
        pushInvalid(errors, `${at}.values[${k}]`, value, labelValueProblems(value));
        if (values.indexOf(value) !== k) errors.push(duplicate(`${at}.values[${k}]`, value));
      });
    });
    const isRepeated = terms.slice(0, i).some((earlier) => semanticEqual(earlier, terms[i]));
    if (isRepeated) errors.push(duplicate(`${path}[${i}].matchLabelExpressions`, ''));
  });
}
