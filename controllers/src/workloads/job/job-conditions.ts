import type { Job, JobCondition } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';

export type JobConditionType = 'SuccessCriteriaMet' | 'FailureTarget' | 'Complete' | 'Failed' | 'Suspended';

/** Why a condition holds. */
export interface Because {
  readonly reason: string;
  readonly message: string;
}

export function trueCondition({ status }: Job, type: JobConditionType): JobCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
}

/** The condition that ended the job; undefined while it has not ended. */
export function finishedCondition(job: Job): JobCondition | undefined {
  return trueCondition(job, 'Complete') ?? trueCondition(job, 'Failed');
}

export function conditionFrom(
  type: JobConditionType,
  status: 'True' | 'False',
  { reason, message }: Because,
  nowMs: number,
): JobCondition {
  const time = formatTime(nowMs);
  return { type, status, lastProbeTime: time, lastTransitionTime: time, reason, message };
}

/** The list with the condition in its old place, or at the end. The same list when it says the same already. */
export function withCondition(conditions: readonly JobCondition[], condition: JobCondition): readonly JobCondition[] {
  const before = conditions.find(({ type }) => type === condition.type);
  if (!before) return [...conditions, condition];
  const isSame =
    before.status === condition.status && before.reason === condition.reason && before.message === condition.message;
  return isSame ? conditions : conditions.map((other) => (other === before ? condition : other));
}
