/** What a Job's status may say: a finished Job stays finished, and its parts fit together. */
import type { Job, JobStatus } from '@slipway/api/types';
import { validateNonNegative } from '@slipway/api/validation/counts';
import { type FieldError, invalid, required } from '@slipway/api/validation/field-error';

const counts = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;

function holds({ conditions = [] }: JobStatus, type: string): boolean {
  return conditions.some((condition) => condition.type === type && condition.status === 'True');
}

export function validateJobStatus({ spec, status = {} }: Job, { status: old = {} }: Job): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of counts) validateNonNegative(errors, status[field], `status.${field}`);
  const isComplete = holds(status, 'Complete');
  const isFailed = holds(status, 'Failed');
  if (isComplete || isFailed) validateFinished(errors, status);
  if (isComplete && isFailed) {
    const detail = 'cannot set Complete=True and Failed=true conditions';
    errors.push(invalid('status.conditions', status.conditions, detail));
  }
  validateCompletionTime(errors, status, old, isComplete);
  for (const type of ['Complete', 'Failed', 'SuccessCriteriaMet', 'FailureTarget']) {
    if (!holds(old, type) || holds(status, type)) continue;
    const detail = `cannot disable the terminal ${type}=True condition`;
    const detailOfMark = `cannot disable the ${type}=True condition`;
    const isTerminal = type === 'Complete' || type === 'Failed';
    errors.push(invalid('status.conditions', status.conditions ?? [], isTerminal ? detail : detailOfMark));
  }
  if (old.startTime !== undefined && status.startTime === undefined && !spec.suspend) {
    errors.push(required('status.startTime', 'startTime cannot be removed for unsuspended job'));
  }
  return errors;
}

function validateFinished(errors: FieldError[], status: JobStatus): void {
  if ((status.active ?? 0) > 0) {
    errors.push(invalid('status.active', status.active, 'active>0 is invalid for finished job'));
  }
  if ((status.terminating ?? 0) > 0) {
    errors.push(invalid('status.terminating', status.terminating, 'terminating>0 is invalid for finished job'));
  }
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (succeeded.length + failed.length > 0) {
    const detail = 'uncountedTerminatedPods needs to be empty for finished job';
    errors.push(invalid('status.uncountedTerminatedPods', status.uncountedTerminatedPods, detail));
  }
}

function validateCompletionTime(errors: FieldError[], status: JobStatus, old: JobStatus, isComplete: boolean): void {
  const { completionTime: time, startTime } = status;
  const path = 'status.completionTime';
  if (time === undefined) {
    if (isComplete) errors.push(required(path, 'completionTime is required for Complete jobs'));
    return;
  }
  if (!isComplete) {
    errors.push(invalid(path, time, 'cannot set completionTime when there is no Complete=True condition'));
  }
  if (old.completionTime !== undefined && Date.parse(old.completionTime) !== Date.parse(time)) {
    errors.push(invalid(path, time, 'completionTime cannot be mutated'));
  }
  if (startTime !== undefined && Date.parse(time) < Date.parse(startTime)) {
    errors.push(invalid(path, time, 'completionTime cannot be set before startTime'));
  }
}
