/** Whether the job comes to its end now, and how. The order is upstream's: the first that holds gives the reason. */
import type { Job, Pod } from '@slipway/api/types';
import { type Because, trueCondition } from './job-conditions.ts';
import type { JobFacts } from './job-facts.ts';
import { hasFailed } from './job-pods.ts';
import { judge } from './pod-failure-policy.ts';
import { metSuccessRule } from './success-policy.ts';

export interface Ending extends Because {
  /** What is written first; the final condition follows when every pod has ended and is counted. */
  readonly interim: 'SuccessCriteriaMet' | 'FailureTarget';
  /** The status says so already. Pods are let go only then: their finalizers hold what the decision rests on. */
  readonly isRecorded: boolean;
}

export function endingOf(facts: JobFacts, nowMs: number): Ending | undefined {
  const { job } = facts;
  for (const interim of ['SuccessCriteriaMet', 'FailureTarget'] as const) {
    const recorded = trueCondition(job, interim);
    const { reason = '', message = '' } = recorded ?? {};
    if (recorded) return { interim, reason, message, isRecorded: true };
  }
  const failure = failureOf(facts, nowMs);
  if (failure) return { interim: 'FailureTarget', ...failure, isRecorded: false };
  const message = facts.indexes && metSuccessRule(job, facts.indexes.succeeded);
  if (message === undefined) return undefined;
  return { interim: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message, isRecorded: false };
}

/** All that was asked for is done and nothing runs any more. */
export function completionOf({ job, succeeded }: JobFacts, activeAfter: number): Ending | undefined {
  const { completions } = job.spec;
  // A work queue is empty once one of its workers says so and the others have ended.
  const isReached = completions === undefined ? succeeded > 0 : succeeded >= completions;
  if (!isReached || activeAfter > 0) return undefined;
  return {
    interim: 'SuccessCriteriaMet',
    reason: 'CompletionsReached',
    message: 'Reached expected number of succeeded pods',
    isRecorded: false,
  };
}

function failureOf(facts: JobFacts, nowMs: number): Because | undefined {
  const { job, pods, failed } = facts;
  const policyMessage = failedByPolicy(job, pods);
  if (policyMessage !== undefined) return { reason: 'PodFailurePolicy', message: policyMessage };
  if (failed > (job.spec.backoffLimit ?? 6) || restartsExceedLimit(job, pods)) {
    return { reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' };
  }
  if (deadlineInMs(job, nowMs) === 0) {
    return { reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' };
  }
  return failedByIndexes(facts);
}

function failedByPolicy(job: Job, pods: readonly Pod[]): string | undefined {
  if (!job.spec.podFailurePolicy) return undefined;
  for (const pod of pods) {
    if (!hasFailed(pod, job)) continue;
    const { action, message } = judge(pod, job);
    if (action === 'FailJob') return message;
  }
  return undefined;
}

function failedByIndexes({ job, indexes }: JobFacts): Because | undefined {
  const { maxFailedIndexes, completions = 0 } = job.spec;
  const failed = indexes?.failed?.size ?? 0;
  if (maxFailedIndexes !== undefined && failed > maxFailedIndexes) {
    const message = 'Job has exceeded the specified maximal number of failed indexes';
    return { reason: 'MaxFailedIndexesExceeded', message };
  }
  const isAllSettled = failed + (indexes?.succeeded.size ?? 0) >= completions;
  return failed > 0 && isAllSettled ? { reason: 'FailedIndexes', message: 'Job has failed indexes' } : undefined;
}

/** Containers that are restarted in their pod count towards the limit too. */
function restartsExceedLimit({ spec }: Job, pods: readonly Pod[]): boolean {
  if (spec.template.spec?.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const { status } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue;
    for (const container of status.initContainerStatuses ?? []) restarts += container.restartCount;
    for (const container of status.containerStatuses ?? []) restarts += container.restartCount;
  }
  return restarts >= Math.max(1, spec.backoffLimit ?? 6);
}

/** Time left to be active, 0 when there is none; undefined when there is no deadline or its time does not run. */
export function deadlineInMs({ spec, status }: Job, nowMs: number): number | undefined {
  const { activeDeadlineSeconds: seconds, suspend } = spec;
  if (seconds === undefined || suspend || status?.startTime === undefined) return undefined;
  return Math.max(0, Date.parse(status.startTime) + seconds * 1000 - nowMs);
}
