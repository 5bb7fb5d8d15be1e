import type { PriorityClass } from '@slipway/api/types';
import { type FieldError, forbidden, invalid, notSupported } from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { startGeneration } from '../generation.ts';

const userPriorityMax = 1_000_000_000;
const systemPrefix = 'system-';
/** What the system's own pods have. */
const systemClasses = new Map([
  ['system-node-critical', 2_000_001_000],
  ['system-cluster-critical', 2_000_000_000],
]);
const policies = ['Never', 'PreemptLowerPriority'];

export const priorityClassStrategy: Strategy<PriorityClass> = {
  resource: descriptorOf('scheduling.k8s.io', 'v1', 'priorityclasses'),
  defaults(draft) {
    draft.value ??= 0;
    draft.preemptionPolicy ||= 'PreemptLowerPriority';
  },
  prepareCreate: startGeneration,
  validate(draft) {
    const errors: FieldError[] = [];
    const { metadata, value = 0, preemptionPolicy = '' } = draft;
    if (metadata.name?.startsWith(systemPrefix)) {
      const problem = systemProblem(draft);
      if (problem !== undefined) {
        const detail = `priority class names with '${systemPrefix}' prefix are reserved for system use only. error: ${problem}`;
        errors.push(forbidden('metadata.name', detail));
      }
    } else if (value > userPriorityMax) {
      const detail = `maximum allowed value of a user defined priority is ${userPriorityMax}`;
      errors.push(forbidden('value', detail));
    }
    if (!policies.includes(preemptionPolicy)) {
      errors.push(notSupported('preemptionPolicy', preemptionPolicy, ['PreemptLowerPriority', 'Never']));
    }
    return errors;
  },
  validateUpdate(draft, old) {
    const errors: FieldError[] = [];
    if (draft.value !== old.value) errors.push(forbidden('value', 'may not be changed in an update.'));
    if (draft.preemptionPolicy !== old.preemptionPolicy) {
      errors.push(invalid('preemptionPolicy', draft.preemptionPolicy, 'field is immutable'));
    }
    return errors;
  },
};

function systemProblem({ metadata: { name = '' }, value, globalDefault }: PriorityClass): string | undefined {
  const expected = systemClasses.get(name);
  if (expected === undefined) return `${name} is not a known system priority class`;
  if (value !== expected) return `value of ${name} PriorityClass must be ${expected}`;
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}
