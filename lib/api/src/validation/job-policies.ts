/** Rules of what a Job does with failed pods, and of when it counts as done before all its pods are. */
import { checkIndexes } from '../completion-indexes.ts';
import { qualifiedNameProblems } from '../names.ts';
import type { JobSpec, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule } from '../types.ts';
import { validateNonNegative } from './counts.ts';
import {
  type FieldError,
  duplicate,
  invalid,
  invalidWithoutValue,
  notSupported,
  pushInvalid,
  quoted,
  required,
  tooMany,
} from './field-error.ts';

const rulesMax = 20;
const patternsMax = 20;
const exitCodesMax = 255;
const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const operators = ['In', 'NotIn'];
const statuses = ['False', 'True', 'Unknown'];

const listText = (texts: readonly string[]) => `[${texts.map(quoted).join(' ')}]`;

export function validatePodFailurePolicy(errors: FieldError[], spec: JobSpec, path: string): void {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const at = `${path}.rules`;
  if (rules.length > rulesMax) errors.push(tooMany(at, rules.length, rulesMax));
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {};
  const names = new Set([...containers, ...initContainers].map(({ name }) => name));
  rules.forEach((rule, i) => {
    validateRule(errors, rule, { spec, names }, `${at}[${i}]`);
  });
}

interface RuleScope {
  readonly spec: JobSpec;
  readonly names: ReadonlySet<string>;
}

function validateRule(
  errors: FieldError[],
  rule: PodFailurePolicyRule,
  { spec, names }: RuleScope,
  path: string,
): void {
  const { action = '', onExitCodes, onPodConditions = [] } = rule;
  const at = `${path}.action`;
  if (action === '') errors.push(required(at, `valid values: ${listText(actions)}`));
  else if (!actions.includes(action)) errors.push(notSupported(at, action, actions));
  else if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    errors.push(invalid(at, action, 'requires the backoffLimitPerIndex to be set'));
  }
  if (onExitCodes) validateExitCodes(errors, onExitCodes, names, `${path}.onExitCodes`);
  if (onPodConditions.length > 0) validateConditionPatterns(errors, onPodConditions, `${path}.onPodConditions`);
  if (onExitCodes && onPodConditions.length > 0) {
    const detail = 'specifying both OnExitCodes and OnPodConditions is not supported';
    errors.push(invalidWithoutValue(path, detail));
  }
  if (!onExitCodes && onPodConditions.length === 0) {
    errors.push(invalidWithoutValue(path, 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
}

function validateConditionPatterns(
  errors: FieldError[],
  patterns: NonNullable<PodFailurePolicyRule['onPodConditions']>,
  path: string,
): void {
  if (patterns.length > patternsMax) errors.push(tooMany(path, patterns.length, patternsMax));
  patterns.forEach(({ type = '', status = '' }, i) => {
    pushInvalid(errors, `${path}[${i}].type`, type, qualifiedNameProblems(type));
    const at = `${path}[${i}].status`;
    if (status === '') errors.push(required(at, `valid values: ${listText(statuses)}`));
    else if (!statuses.includes(status)) errors.push(notSupported(at, status, statuses));
  });
}

function validateExitCodes(
  errors: FieldError[],
  requirement: PodFailurePolicyOnExitCodesRequirement,
  names: ReadonlySet<string>,
  path: string,
): void {
  const { operator = '', containerName, values = [] } = requirement;
  if (operator === '') errors.push(required(`${path}.operator`, `valid values: ${listText(operators)}`));
  else if (!operators.includes(operator)) errors.push(notSupported(`${path}.operator`, operator, operators));
  if (containerName !== undefined && !names.has(containerName)) {
    const detail = 'must be one of the container or initContainer names in the pod template';
    errors.push(invalid(`${path}.containerName`, containerName, detail));
  }
  const at = `${path}.values`;
  if (values.length === 0) errors.push(invalid(at, values, 'at least one value is required'));
  else if (values.length > exitCodesMax) errors.push(tooMany(at, values.length, exitCodesMax));
  const seen = new Set<number>();
  values.forEach((value, i) => {
    if (operator === 'In' && value === 0)
      errors.push(invalid(`${at}[${i}]`, value, 'must not be 0 for the In operator'));
    if (seen.has(value)) errors.push(duplicate(`${at}[${i}]`, value));
    seen.add(value);
  });
  if (values.some((value, i) => i > 0 && value < (values[i - 1] ?? value))) {
    errors.push(invalid(at, values, 'must be ordered'));
  }
}

export function validateSuccessPolicy(errors: FieldError[], spec: JobSpec, path: string): void {
  const rules = spec.successPolicy?.rules ?? [];
  const at = `${path}.rules`;
  if (rules.length === 0) {
    errors.push(required(at, 'at least one rules must be specified when the successPolicy is specified'));
  }
  if (rules.length > rulesMax) errors.push(tooMany(at, rules.length, rulesMax));
  const { completions } = spec;
  rules.forEach(({ succeededCount, succeededIndexes }, i) => {
    const ruleAt = `${at}[${i}]`;
    if (succeededCount === undefined && succeededIndexes === undefined) {
      errors.push(required(ruleAt, 'at least one of succeededCount or succeededIndexes must be specified'));
    }
    const total = validateIndexes(errors, succeededIndexes, completions ?? 0, `${ruleAt}.succeededIndexes`);
    if (succeededCount === undefined) return;
    const countAt = `${ruleAt}.succeededCount`;
    validateNonNegative(errors, succeededCount, countAt);
    if (completions !== undefined && succeededCount > completions) {
      const detail = `must be less than or equal to ${completions} (the number of specified completions)`;
      errors.push(invalid(countAt, succeededCount, detail));
    }
    if (total !== undefined && succeededCount > total) {
      const detail = `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`;
      errors.push(invalid(countAt, succeededCount, detail));
    }
  });
}

/** Answers how many they are. */
function validateIndexes(
  errors: FieldError[],
  text: string | undefined,
  completions: number,
  path: string,
): number | undefined {
  if (text === undefined) return undefined;
  const checked = checkIndexes(text, completions);
  if (checked.problem === undefined) return checked.total;
  errors.push(invalid(path, text, `error parsing succeededIndexes: ${checked.problem}`));
  return undefined;
}
