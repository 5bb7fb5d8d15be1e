import { qualifiedNameProblems } from '../names.ts';
import type { Condition } from '../types.ts';
import { type FieldError, duplicate, invalid, notSupported, pushInvalid, required, tooLong } from './field-error.ts';

const statuses = ['False', 'True', 'Unknown'];
const reasonShape = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const reasonProblem =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";
const reasonMax = 1024;
const messageMax = 32 * 1024;

/** Rules of `metav1.Condition`, which newer kinds have in their status. */
export function validateConditions(errors: FieldError[], conditions: readonly Condition[] = [], path: string): void {
  const types = new Set<string>();
  conditions.forEach((condition, i) => {
    const at = `${path}[${i}]`;
    const { type = '' } = condition;
    if (types.has(type)) errors.push(duplicate(`${at}.type`, type));
    types.add(type);
    validateCondition(errors, condition, at);
  });
}

function validateCondition(errors: FieldError[], condition: Condition, path: string): void {
  const { type = '', status = '', observedGeneration = 0, lastTransitionTime, reason = '', message = '' } = condition;
  pushInvalid(errors, `${path}.type`, type, qualifiedNameProblems(type));
  if (!statuses.includes(status)) errors.push(notSupported(`${path}.status`, status, statuses));
  if (observedGeneration < 0) {
    errors.push(invalid(`${path}.observedGeneration`, observedGeneration, 'must be greater than or equal to zero'));
  }
  if (!lastTransitionTime) errors.push(required(`${path}.lastTransitionTime`, 'must be set'));
  if (reason === '') errors.push(required(`${path}.reason`, 'must be set'));
  else if (!reasonShape.test(reason)) errors.push(invalid(`${path}.reason`, reason, reasonProblem));
  if (reason.length > reasonMax) errors.push(tooLong(`${path}.reason`, reasonMax));
  if (message.length > messageMax) errors.push(tooLong(`${path}.message`, messageMax));
}
