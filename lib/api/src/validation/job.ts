/** Rules of a Job's spec, which CronJobs hold too. */
import type { JobSpec, PodTemplateSpec } from '../types.ts';
import { validateNonNegative } from './counts.ts';
import { validateDomainPath } from './domain-path.ts';
import { type FieldError, invalid, notSupported, quoted, required, tooLong } from './field-error.ts';
import { validatePodFailurePolicy, validateSuccessPolicy } from './job-policies.ts';
import { validatePodTemplate } from './pod-template.ts';

/** More pods than this by index would not fit the status of a Job. */
const indexedParallelismMax = 100_000;
const manyCompletions = 100_000;
const manyCompletionsParallelismMax = 10_000;
const managedByMax = 63;
const modes = ['Indexed', 'NonIndexed'];

/** Everything but the selector, which a CronJob's Jobs get later. */
export function validateJobSpec(errors: FieldError[], spec: JobSpec, path: string): void {
  for (const field of ['parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit'] as const) {
    validateNonNegative(errors, spec[field], `${path}.${field}`);
  }
  validateNonNegative(errors, spec.ttlSecondsAfterFinished, `${path}.ttlSecondsAfterFinished`);
  validateNonNegative(errors, spec.backoffLimitPerIndex, `${path}.backoffLimitPerIndex`);
  validateNonNegative(errors, spec.maxFailedIndexes, `${path}.maxFailedIndexes`);
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  }
  validateManager(errors, spec.managedBy, `${path}.managedBy`);
  validateCompletionMode(errors, spec, path);
  if (spec.podFailurePolicy) validatePodFailurePolicy(errors, spec, `${path}.podFailurePolicy`);
  if (spec.successPolicy) {
    if (spec.completionMode === 'Indexed') validateSuccessPolicy(errors, spec, `${path}.successPolicy`);
    else errors.push(invalid(`${path}.successPolicy`, spec.successPolicy, 'requires indexed completion mode'));
  }
  validateReplacement(errors, spec, `${path}.podReplacementPolicy`);
  if (!spec.template) {
    errors.push(required(`${path}.template`));
    return;
  }
  validatePodTemplate(errors, spec.template, `${path}.template`);
  validateRestartPolicy(errors, spec.template, spec, `${path}.template.spec.restartPolicy`);
}

function validateManager(errors: FieldError[], manager: string | undefined, path: string): void {
  if (manager === undefined) return;
  validateDomainPath(errors, manager, path);
  if (manager.length > managedByMax) errors.push(tooLong(path, managedByMax));
}

function validateCompletionMode(errors: FieldError[], spec: JobSpec, path: string): void {
  const { completionMode: mode, completions, parallelism, maxFailedIndexes, backoffLimitPerIndex } = spec;
  if (mode !== undefined && !modes.includes(mode)) {
    errors.push(notSupported(`${path}.completionMode`, mode, ['NonIndexed', 'Indexed']));
  }
  if (mode !== 'Indexed') {
    if (mode !== undefined && mode !== 'NonIndexed') return;
    for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
      if (spec[field] === undefined) continue;
      errors.push(invalid(`${path}.${field}`, spec[field], 'requires indexed completion mode'));
    }
    return;
  }
  if (completions === undefined) {
    errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
  }
  if (parallelism !== undefined && parallelism > indexedParallelismMax) {
    const detail = `must be less than or equal to ${indexedParallelismMax} when completion mode is Indexed`;
    errors.push(invalid(`${path}.parallelism`, parallelism, detail));
  }
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions) {
    errors.push(invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions'));
  }
  if ((completions ?? 0) > manyCompletions && backoffLimitPerIndex !== undefined) {
    const situation = `when completions are above ${manyCompletions} and used with backoff limit per index`;
    if (maxFailedIndexes === undefined) {
      errors.push(
        required(`${path}.maxFailedIndexes`, `must be specified when completions is above ${manyCompletions}`),
      );
    }
    if ((parallelism ?? 0) > manyCompletionsParallelismMax) {
      const detail = `must be less than or equal to ${manyCompletionsParallelismMax} ${situation}`;
      errors.push(invalid(`${path}.parallelism`, parallelism, detail));
    }
  }
}

function validateReplacement(errors: FieldError[], spec: JobSpec, path: string): void {
  const { podReplacementPolicy: policy, podFailurePolicy } = spec;
  if (policy === undefined) return;
  const supported = podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  if (!supported.includes(policy)) errors.push(notSupported(path, policy, supported));
}

function validateRestartPolicy(errors: FieldError[], template: PodTemplateSpec, spec: JobSpec, path: string): void {
  const policy = template.spec?.restartPolicy ?? '';
  if (policy === '' || policy === 'Always') {
    errors.push(required(path, `valid values: ${quoted('OnFailure')}, ${quoted('Never')}`));
  } else if (policy !== 'OnFailure' && policy !== 'Never') {
    errors.push(notSupported(path, policy, ['OnFailure', 'Never']));
  } else if (spec.podFailurePolicy && policy !== 'Never') {
    errors.push(invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified'));
  }
}
