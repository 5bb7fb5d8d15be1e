import { type FieldError, invalid } from './field-error.ts';

/** Counts and durations that may be left out, but not be negative. */
export function validateNonNegative(errors: FieldError[], value: number | undefined, path: string): void {
  if (value !== undefined && value < 0) errors.push(invalid(path, value, 'must be greater than or equal to 0'));
}

interface ReplicaCounts {
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly updatedReplicas?: number;
  readonly fullyLabeledReplicas?: number;
  readonly unavailableReplicas?: number;
  readonly observedGeneration?: number;
}

/** Of the status of whatever runs replicas: a part is never more than the whole. */
export function validateReplicaCounts(errors: FieldError[], status: ReplicaCounts): void {
  for (const [field, value] of Object.entries(status)) {
    if (typeof value === 'number') validateNonNegative(errors, value, `status.${field}`);
  }
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  for (const field of ['fullyLabeledReplicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas'] as const) {
    const value = status[field] ?? 0;
    if (value > replicas) errors.push(invalid(`status.${field}`, value, 'cannot be greater than status.replicas'));
  }
  if (availableReplicas > readyReplicas) {
    errors.push(invalid('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas'));
  }
}
