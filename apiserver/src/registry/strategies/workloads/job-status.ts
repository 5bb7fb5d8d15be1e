/**
 * What a Job's status may say. Anybody may manage a Job, so its parts must fit together, and a finished Job stays
 * finished. Most rules are asked only of what a write changes: a status that broke one before may be mended in steps.
 */
import { checkIndexes, IndexSet } from '@slipway/api/completion-indexes';
import type { Job, JobStatus } from '@slipway/api/types';
import { validateNonNegative } from '@slipway/api/validation/counts';
import {
  duplicate,
  type FieldError,
  invalid,
  invalidWithoutValue,
  required,
} from '@slipway/api/validation/field-error';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';

const counts = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;
const conditionsPath = 'status.conditions';

export function validateJobStatus(job: Job, old: Job): FieldError[] {
  const errors: FieldError[] = [];
  const { status = {} } = job;
  for (const field of counts) validateNonNegative(errors, status[field], `status.${field}`);
  validateUncounted(errors, status.uncountedTerminatedPods);
  const change = changeOf(job, old);
  validateConditions(errors, change);
  validateTimes(errors, change);
  if (change.is.finished) validateFinished(errors, change);
  validateIndexes(errors, change);
  validateReady(errors, change);
  validateTransition(errors, change);
  return errors;
}

interface Marks {
  readonly complete: boolean;
  readonly failed: boolean;
  readonly finished: boolean;
  readonly criteriaMet: boolean;
  readonly failureTarget: boolean;
}

interface Change {
  readonly job: Job;
  readonly status: JobStatus;
  readonly old: JobStatus;
  readonly is: Marks;
  readonly was: Marks;
  /** Whether any of these marks or fields is another than before. */
  changed(...parts: readonly (keyof Marks | keyof JobStatus)[]): boolean;
}

function changeOf(job: Job, { status: old = {} }: Job): Change {
  const { status = {} } = job;
  const [is, was] = [marksOf(status), marksOf(old)];
  const isChanged = (part: keyof Marks | keyof JobStatus) =>
    // `failed` is a mark and a counter: rules are about the mark, the counter has its own.
    part in is
      ? is[part as keyof Marks] !== was[part as keyof Marks]
      : !semanticEqual(status[part as keyof JobStatus], old[part as keyof JobStatus]);
  return { job, status, old, is, was, changed: (...parts) => parts.some(isChanged) };
}

function marksOf({ conditions = [] }: JobStatus): Marks {
  const holds = (type: string) =>
    conditions.some((condition) => condition.type === type && condition.status === 'True');
  const complete = holds('Complete');
  const failed = holds('Failed');
  const finished = complete || failed;
  return {
    complete,
    failed,
    finished,
    criteriaMet: holds('SuccessCriteriaMet'),
    failureTarget: holds('FailureTarget'),
  };
}

function validateUncounted(errors: FieldError[], lists: JobStatus['uncountedTerminatedPods']): void {
  const seen = new Set<string>();
  for (const list of ['succeeded', 'failed'] as const) {
    (lists?.[list] ?? []).forEach((uid, i) => {
      const path = `status.uncountedTerminatedPods.${list}[${i}]`;
      if (uid === '') errors.push(invalid(path, uid, 'must not be empty'));
      else if (seen.has(uid)) errors.push(duplicate(path, uid));
      seen.add(uid);
    });
  }
}

function validateConditions(errors: FieldError[], { job, is, was, changed }: Change): void {
  const refuse = (detail: string) => errors.push(invalidWithoutValue(conditionsPath, detail));
  if (changed('complete', 'failed') && is.complete && is.failed) {
    refuse('cannot set Complete=True and Failed=true conditions');
  }
  if (changed('complete', 'failureTarget') && is.complete && is.failureTarget) {
    refuse('cannot set Complete=True and FailureTarget=true conditions');
  }
  if (changed('failed', 'failureTarget') && is.failed && !is.failureTarget) {
    refuse('cannot set Failed=True condition without the FailureTarget=true condition');
  }
  if (changed('complete', 'criteriaMet') && is.complete && !is.criteriaMet) {
    refuse('cannot set Complete=True condition without the SuccessCriteriaMet=true condition');
  }
  if (is.criteriaMet && is.failed) refuse('cannot set SuccessCriteriaMet=True and Failed=true conditions');
  if (is.criteriaMet && is.failureTarget)
    refuse('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions');
  if (job.spec.successPolicy && is.complete && !is.criteriaMet) {
    refuse('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True');
  }
  for (const [mark, type] of [
    ['failed', 'Failed'],
    ['complete', 'Complete'],
    ['failureTarget', 'FailureTarget'],
  ] as const) {
    if (was[mark] && !is[mark]) refuse(`cannot disable the terminal ${type}=True condition`);
  }
  if (was.criteriaMet && !is.criteriaMet) refuse('cannot disable the SuccessCriteriaMet=True condition');
  if (was.complete && !was.criteriaMet && is.criteriaMet) {
    refuse('cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions');
  }
}

function validateTimes(errors: FieldError[], { status, old, is, changed }: Change): void {
  const { completionTime: time, startTime } = status;
  const path = 'status.completionTime';
  if (changed('complete', 'completionTime')) {
    if (time === undefined && is.complete) errors.push(required(path, 'completionTime is required for Complete jobs'));
    if (time !== undefined && !is.complete) {
      errors.push(invalid(path, time, 'cannot set completionTime when there is no Complete=True condition'));
    }
  }
  if (time === undefined) return;
  if (old.completionTime !== undefined && Date.parse(old.completionTime) !== Date.parse(time)) {
    errors.push(invalid(path, time, 'completionTime cannot be mutated'));
  }
  const isBefore = startTime !== undefined && Date.parse(time) < Date.parse(startTime);
  if (changed('startTime', 'completionTime') && isBefore) {
    errors.push(invalid(path, time, 'completionTime cannot be set before startTime'));
  }
}

function validateFinished(errors: FieldError[], { job, status, changed }: Change): void {
  const { active = 0, terminating = 0, startTime, uncountedTerminatedPods } = status;
  if (changed('finished', 'active') && active > 0) {
    errors.push(invalid('status.active', active, 'active>0 is invalid for finished job'));
  }
  // One that has nothing to do is complete without having started.
  const neverStarts = job.spec.suspend === true && job.spec.completions === 0;
  if (changed('finished', 'startTime') && startTime === undefined && !neverStarts) {
    errors.push(required('status.startTime', 'startTime is required for finished job'));
  }
  const { succeeded = [], failed = [] } = uncountedTerminatedPods ?? {};
  if (changed('finished', 'uncountedTerminatedPods') && succeeded.length + failed.length > 0) {
    const detail = 'uncountedTerminatedPods needs to be empty for finished job';
    errors.push(invalid('status.uncountedTerminatedPods', uncountedTerminatedPods, detail));
  }
  if (changed('finished', 'terminating') && terminating > 0) {
    errors.push(invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job'));
  }
}

function validateIndexes(errors: FieldError[], { job, status, changed }: Change): void {
  const { completions, completionMode, backoffLimitPerIndex } = job.spec;
  const { completedIndexes = '', failedIndexes } = status;
  const refuse = (field: string, value: string, detail: string) =>
    errors.push(invalid(`status.${field}`, value, detail));
  const check = (field: string, text: string) => {
    const checked = completions === undefined ? undefined : checkIndexes(text, completions);
    if (checked?.problem !== undefined) refuse(field, text, `error parsing ${field}: ${checked.problem}`);
  };
  if (changed('completedIndexes')) {
    check('completedIndexes', completedIndexes);
    if (completedIndexes !== '' && completionMode !== 'Indexed') {
      const detail = 'cannot set non-empty completedIndexes when non-indexed completion mode';
      refuse('completedIndexes', completedIndexes, detail);
    }
  }
  if (failedIndexes === undefined) return;
  if (changed('failedIndexes')) {
    if (backoffLimitPerIndex !== undefined) check('failedIndexes', failedIndexes);
    else {
      const detail = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null';
      refuse('failedIndexes', failedIndexes, detail);
    }
  }
  if (!changed('failedIndexes', 'completedIndexes') || completions === undefined) return;
  const shared = IndexSet.parse(failedIndexes, completions).firstShared(IndexSet.parse(completedIndexes, completions));
  if (shared !== undefined) {
    refuse('failedIndexes', failedIndexes, `failedIndexes and completedIndexes overlap at index: ${shared}`);
  }
}

function validateReady(errors: FieldError[], { status, changed }: Change): void {
  const { ready = 0, active = 0 } = status;
  if (!changed('ready', 'active') || ready <= active) return;
  errors.push(invalid('status.ready', ready, 'cannot set more ready pods than active'));
}

function validateTransition(errors: FieldError[], { job, status, old }: Change): void {
  const { completionMode, completions, parallelism, suspend } = job.spec;
  const { failed = 0, succeeded = 0 } = status;
  if (failed < (old.failed ?? 0)) errors.push(invalid('status.failed', failed, 'cannot decrease the failed counter'));
  // An indexed Job that grows and shrinks as a whole forgets what is above its end.
  const mayShrink = completionMode === 'Indexed' && completions === parallelism;
  if (!mayShrink && succeeded < (old.succeeded ?? 0)) {
    errors.push(invalid('status.succeeded', succeeded, 'cannot decrease the succeeded counter'));
  }
  if (old.startTime !== undefined && status.startTime === undefined && !suspend) {
    errors.push(required('status.startTime', 'startTime cannot be removed for unsuspended job'));
  }
}
