/**
 * How pods that ended get into the counters: each once, whatever crashes in between.
 *
 *   1. A pod that ended still carries the tracking finalizer. Its uid is written to `status.uncountedTerminatedPods`; of
 *      an indexed job that succeeded, its index to `status.completedIndexes`.
 *   2. Once the status has it, the finalizer is taken off.
 *   3. Once the finalizer is off, the uid leaves the list and the counter grows, in one write.
 *
 * A pod with the finalizer that is in no list was never counted; one without it is counted, or in the list. Steps 2 and 3
 * share a plan: the status of a plan is written after its steps, and another one when a step failed.
 */
import type { IndexSet } from '@slipway/api/completion-indexes';
import type { JobStatus, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { Step } from '../../runtime/step.ts';
import { isPodFinished } from '../pod-readiness.ts';
import type { Ending } from './ending.ts';
import { indexesOf, type JobFacts } from './job-facts.ts';
import { completionIndexOf, hasFailed, isTracked, trackingFinalizer } from './job-pods.ts';
import { isCounted } from './pod-failure-policy.ts';

/** Uids in the status at most, as upstream: they are 20 KB by then. */
const uncountedMax = 500;
/** Finalizers taken off before the next look, so that one job does not keep the others waiting. */
const lettingGoMax = 500;

export type Counters = Pick<
  JobStatus,
  'succeeded' | 'failed' | 'completedIndexes' | 'failedIndexes' | 'uncountedTerminatedPods'
>;

export interface Accounting {
  readonly steps: readonly Step[];
  /** Once the steps are done. */
  readonly counters: Counters;
  /** When not all of them were. */
  readonly countersAfterFailure: Counters;
  /** Every pod that ended is in the counters then. */
  readonly isComplete: boolean;
}

export interface AccountingInput {
  readonly facts: JobFacts;
  readonly ending: Ending | undefined;
  readonly released: ReadonlySet<string>;
}

export function account(input: AccountingInput): Accounting {
  const { facts, released } = input;
  const sorted = sortOut(input);
  const lettingGo = sorted.letGo.slice(0, lettingGoMax);
  const gone = new Set([...released, ...lettingGo.map(({ metadata }) => metadata.uid ?? '')]);
  const counters = countersWithout(gone, facts, sorted);
  const { succeeded = [], failed = [] } = counters.uncountedTerminatedPods ?? {};
  const tracked = facts.pods.filter(isTracked).length;
  return {
    steps: lettingGo.map(letGo),
    counters,
    countersAfterFailure: countersWithout(released, facts, sorted),
    isComplete: tracked === lettingGo.length && succeeded.length + failed.length === 0,
  };
}

/** Takes the finalizer off, whatever else changes in the pod. */
export function letGo(pod: Pod): Step {
  const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } };
  return {
    op: 'patch',
    kind: kinds.pods,
    target: pod,
    patchType: 'strategic',
    patch,
    evenIfChanged: true,
    inAnyOrder: true,
  };
}

interface Sorted {
  /** Accounted for, or not to be counted. */
  readonly letGo: readonly Pod[];
  /** To be put into the lists. */
  readonly newSucceeded: readonly string[];
  readonly newFailed: readonly string[];
  readonly completedIndexes: IndexSet | undefined;
}

type Fate = 'keep' | 'let go' | 'count as succeeded' | 'count as failed' | 'complete index';

function sortOut(input: AccountingInput): Sorted {
  const { job, pods, uncounted, indexes } = input.facts;
  const letGo: Pod[] = [];
  const newSucceeded: string[] = [];
  const newFailed: string[] = [];
  const completing: Pod[] = [];
  let room = uncountedMax - uncounted.succeeded.size - uncounted.failed.size;
  for (const pod of pods) {
    if (!isTracked(pod)) continue;
    const fate = fateOf(pod, input);
    if (fate === 'let go') letGo.push(pod);
    else if (fate === 'complete index') completing.push(pod);
    else if (fate !== 'keep' && room-- > 0) {
      (fate === 'count as failed' ? newFailed : newSucceeded).push(pod.metadata.uid ?? '');
    }
  }
  return { letGo, newSucceeded, newFailed, completedIndexes: indexes?.recorded.with(indexesOf(completing, job)) };
}

function fateOf(pod: Pod, { facts, ending }: AccountingInput): Fate {
  const { job, uncounted, indexes } = facts;
  const { uid = '' } = pod.metadata;
  if (uncounted.failed.has(uid) || uncounted.succeeded.has(uid)) return 'let go';
  // What the end of the job rests on is kept until the status tells of it.
  const uncountable: Fate = ending && !ending.isRecorded ? 'keep' : 'let go';
  const index = indexes && completionIndexOf(pod, job);
  const hasWrongIndex = indexes !== undefined && index === undefined;
  if (pod.status?.phase === 'Succeeded') {
    if (hasWrongIndex) return uncountable;
    if (index === undefined) return 'count as succeeded';
    return indexes?.recorded.has(index) ? 'let go' : 'complete index';
  }
  // Of a job that has succeeded, what still runs counts neither way; of one that fails, as failed.
  if (ending?.interim === 'SuccessCriteriaMet' && !isPodFinished(pod)) return uncountable;
  if (hasFailed(pod, job) || ending) {
    const isLeaving = job.metadata.deletionTimestamp !== undefined;
    if (index !== undefined && indexes?.toReplace.get(index) === pod && !ending && !isLeaving) return 'keep';
    return hasWrongIndex || !isCounted(pod, job) ? uncountable : 'count as failed';
  }
  return job.metadata.deletionTimestamp ? 'let go' : 'keep';
}

function countersWithout(gone: ReadonlySet<string>, facts: JobFacts, sorted: Sorted): Counters {
  const { job, uncounted, indexes } = facts;
  const stay = (uids: ReadonlySet<string>) => [...uids].filter((uid) => !gone.has(uid));
  const succeededLeft = stay(uncounted.succeeded);
  const failedLeft = stay(uncounted.failed);
  const { succeeded = 0, failed = 0 } = job.status ?? {};
  const lists = {
    succeeded: [...succeededLeft, ...sorted.newSucceeded],
    failed: [...failedLeft, ...sorted.newFailed],
  };
  return {
    ...counter(
      'succeeded',
      sorted.completedIndexes?.size ?? succeeded + uncounted.succeeded.size - succeededLeft.length,
    ),
    ...counter('failed', failed + uncounted.failed.size - failedLeft.length),
    ...(sorted.completedIndexes?.size ? { completedIndexes: sorted.completedIndexes.toString() } : {}),
    ...(indexes?.failed ? { failedIndexes: indexes.failed.toString() } : {}),
    uncountedTerminatedPods: {
      ...(lists.succeeded.length > 0 ? { succeeded: lists.succeeded } : {}),
      ...(lists.failed.length > 0 ? { failed: lists.failed } : {}),
    },
  };
}

/** Counters of 0 are left out, as on upstream's wire. */
export function counter<Name extends string>(name: Name, value: number): { readonly [N in Name]?: number } {
  return value === 0 ? {} : ({ [name]: value } as { readonly [N in Name]?: number });
}
