import type { Container } from '../types.ts';
import { type FieldError, forbidden, notSupported, required, tooMany } from './field-error.ts';

const policies = ['Always', 'OnFailure', 'Never'];
const operators = ['In', 'NotIn'];
/** What a rule may ask for; to restart all containers of the pod at once is not offered. */
const actions = ['Restart'];
const rulesMax = 20;
const exitCodesMax = 255;

/** A container's own policy in place of the pod's, with exceptions by exit code. */
export function validateRestart(errors: FieldError[], container: Container, path: string): void {
  const { restartPolicy, restartPolicyRules: rules } = container;
  if (restartPolicy !== undefined && !policies.includes(restartPolicy)) {
    errors.push(notSupported(`${path}.restartPolicy`, restartPolicy, policies));
  }
  if (!rules?.length) return;
  const at = `${path}.restartPolicyRules`;
  if (restartPolicy === undefined) {
    errors.push(required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used'));
  }
  if (rules.length > rulesMax) errors.push(tooMany(at, rules.length, rulesMax));
  rules.forEach(({ action, exitCodes }, i) => {
    if (!actions.includes(action)) errors.push(notSupported(`${at}[${i}].action`, action, actions));
    if (exitCodes) validateExitCodes(errors, exitCodes, `${at}[${i}].exitCodes`);
    else errors.push(required(`${at}[${i}].exitCodes`, 'must be specified'));
  });
}

type ExitCodes = NonNullable<NonNullable<Container['restartPolicyRules']>[number]['exitCodes']>;

function validateExitCodes(errors: FieldError[], { operator, values = [] }: ExitCodes, path: string): void {
  if (!operators.includes(operator)) errors.push(notSupported(`${path}.operator`, operator, operators));
  if (values.length === 0) errors.push(required(`${path}.values`, 'must specify at least one exit code'));
  if (values.length > exitCodesMax) errors.push(tooMany(`${path}.values`, values.length, exitCodesMax));
  if (new Set(values).size < values.length) errors.push(forbidden(`${path}.values`, 'an exit code may be given once'));
}
