/** What the pods say about the job, before anything is decided. */
import { IndexSet } from '@slipway/api/completion-indexes';
import type { Job, Pod } from '@slipway/api/types';
import { isPodActive, isPodFinished, isPodReady, isPodTerminating } from '../pod-readiness.ts';
import { trueCondition } from './job-conditions.ts';
import { completionIndexOf, failureCountsOf, hasFailed, isIndexed, isTracked } from './job-pods.ts';
import { endedMs } from './pod-backoff.ts';
import { isCounted, judge } from './pod-failure-policy.ts';

export interface JobFacts {
  readonly job: Job;
  /** All that it has not accounted for. */
  readonly pods: readonly Pod[];
  readonly active: readonly Pod[];
  readonly ready: number;
  readonly terminating: readonly Pod[];
  /** Uids of `status.uncountedTerminatedPods`. */
  readonly uncounted: { readonly succeeded: ReadonlySet<string>; readonly failed: ReadonlySet<string> };
  /** With what is not in the counters yet. */
  readonly succeeded: number;
  readonly failed: number;
  /** Of an indexed job. */
  readonly indexes: IndexFacts | undefined;
}

export interface IndexFacts {
  /** As the status has it. */
  readonly recorded: IndexSet;
  readonly succeeded: IndexSet;
  /** Where failures are limited by index. */
  readonly failed: IndexSet | undefined;
  /** The pod whose failure is to be carried over to the next pod of its index; it stays until that is there. */
  readonly toReplace: ReadonlyMap<number, Pod>;
}

export function factsOf(job: Job, pods: readonly Pod[]): JobFacts {
  const { uncountedTerminatedPods, succeeded = 0, failed = 0 } = job.status ?? {};
  const uncounted = {
    succeeded: new Set(uncountedTerminatedPods?.succeeded),
    failed: new Set(uncountedTerminatedPods?.failed),
  };
  const isFresh = ({ metadata: { uid = '' } }: Pod) => !uncounted.succeeded.has(uid) && !uncounted.failed.has(uid);
  const fresh = pods.filter(
    (pod) => isTracked(pod) && isFresh(pod) && (!isIndexed(job) || completionIndexOf(pod, job) !== undefined),
  );
  const active = pods.filter(isPodActive);
  const countable = pods.filter((pod) => isTracked(pod) && !uncounted.failed.has(pod.metadata.uid ?? ''));
  const indexes = isIndexed(job) ? indexFactsOf(job, countable, active) : undefined;
  const freshSucceeded = fresh.filter(({ status }) => status?.phase === 'Succeeded').length;
  const freshFailed = fresh.filter((pod) => hasFailed(pod, job) && isCounted(pod, job)).length;
  return {
    job,
    pods,
    active,
    ready: active.filter(isPodReady).length,
    terminating: pods.filter(isPodTerminating),
    uncounted,
    succeeded: indexes ? indexes.succeeded.size : succeeded + freshSucceeded + uncounted.succeeded.size,
    failed: failed + freshFailed + uncounted.failed.size,
    indexes,
  };
}

/** `tracked`: those that are not on the list of failed pods yet. */
function indexFactsOf(job: Job, tracked: readonly Pod[], active: readonly Pod[]): IndexFacts {
  const { completions = 0, backoffLimitPerIndex } = job.spec;
  const recorded = IndexSet.parse(job.status?.completedIndexes, completions);
  const succeeded = recorded.with(
    indexesOf(
      tracked.filter(({ status }) => status?.phase === 'Succeeded'),
      job,
    ),
  );
  if (backoffLimitPerIndex === undefined) return { recorded, succeeded, failed: undefined, toReplace: new Map() };
  const failed = IndexSet.parse(job.status?.failedIndexes, completions)
    .with(
      indexesOf(
        tracked.filter((pod) => failsIndex(pod, job, backoffLimitPerIndex)),
        job,
      ),
    )
    .without(succeeded);
  const settled = succeeded.with(failed).with(indexesOf(active, job));
  return { recorded, succeeded, failed, toReplace: podsToReplace(tracked, job, settled) };
}

export function indexesOf(pods: readonly Pod[], job: Job): IndexSet {
  return IndexSet.of(pods.flatMap((pod) => completionIndexOf(pod, job) ?? []));
}

function failsIndex(pod: Pod, job: Job, limit: number): boolean {
  if (!hasFailed(pod, job)) return false;
  // What the end of the job has stopped is no failure of the index.
  const isEnding = trueCondition(job, 'FailureTarget') ?? trueCondition(job, 'SuccessCriteriaMet');
  if (isEnding && !isPodFinished(pod)) return false;
  const { action } = judge(pod, job);
  return action === 'FailIndex' || (action !== 'Ignore' && failureCountsOf(pod).counted >= limit);
}

function podsToReplace(tracked: readonly Pod[], job: Job, settled: IndexSet): ReadonlyMap<number, Pod> {
  const last = new Map<number, Pod>();
  for (const pod of tracked) {
    if (!hasFailed(pod, job)) continue;
    const index = completionIndexOf(pod, job);
    if (index === undefined || settled.has(index)) continue;
    const before = last.get(index);
    if (!before || isLater(pod, before)) last.set(index, pod);
  }
  return last;
}

function isLater(pod: Pod, other: Pod): boolean {
  const [counts, others] = [failureCountsOf(pod), failureCountsOf(other)];
  const difference = counts.counted + counts.ignored - (others.counted + others.ignored);
  return difference > 0 || (difference === 0 && endedMs(pod) > endedMs(other));
}
