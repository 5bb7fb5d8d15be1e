/** How many pods run: which are made, which are removed, and what holds the next one back. */
import type { Job, Pod } from '@slipway/api/types';
import type { Step } from '../../runtime/step.ts';
import { isPodReady } from '../pod-readiness.ts';
import { createPod, deletePod } from '../pod-steps.ts';
import { inDeletionOrder } from '../replicas/deletion-order.ts';
import { letGo } from './accounting.ts';
import { indexesOf, type JobFacts } from './job-facts.ts';
import { completionIndexOf, failureCountsOf, isTracked, waitsForEnd } from './job-pods.ts';
import { endedMs, type FailureStreak, holdMs } from './pod-backoff.ts';
import { podFromJob } from './pod-from-job.ts';

/** Pods made or removed before the next look, as upstream. */
const changesMax = 500;

export interface PodChanges {
  readonly steps: readonly Step[];
  readonly made: number;
  readonly removed: readonly Pod[];
  /** Until a pod that is wanted may be made. */
  readonly holdMs: number | undefined;
}

const noChanges: PodChanges = { steps: [], made: 0, removed: [], holdMs: undefined };

/** What the job wants while it neither ends nor is deleted. */
export function podChanges(facts: JobFacts, streak: FailureStreak | undefined, nowMs: number): PodChanges {
  const { job, active } = facts;
  if (job.spec.suspend) return removeUncounted(job, active);
  const wanted = wantedActive(facts);
  const surplus = surplusPods(facts, Math.max(0, active.length - wanted), nowMs);
  // Either or: what is too much goes first, and the next look sees the rest.
  if (surplus.length > 0) return removeUncounted(job, surplus.slice(0, changesMax));
  const leaving = waitsForEnd(job) ? facts.terminating.length : 0;
  const missing = Math.min(wanted - active.length - leaving, changesMax);
  if (missing <= 0) return noChanges;
  const waitMs = streak ? holdMs(streak, nowMs) : 0;
  if (waitMs > 0) return { ...noChanges, holdMs: waitMs };
  if (facts.indexes) return makeIndexed(facts, missing, nowMs);
  return { ...noChanges, steps: Array.from({ length: missing }, () => createPod(job, podFromJob(job))), made: missing };
}

/** Deletes what runs. The pods keep their finalizer, so that the end of the job can count them. */
export function stopAll(job: Job, active: readonly Pod[]): PodChanges {
  return { ...noChanges, steps: active.map((pod) => deletePod(job, pod)), removed: active };
}

function removeUncounted(job: Job, pods: readonly Pod[]): PodChanges {
  const steps = [...pods.filter(isTracked).map(letGo), ...pods.map((pod) => deletePod(job, pod))];
  return { ...noChanges, steps, removed: pods };
}

function wantedActive({ job, succeeded, active }: JobFacts): number {
  const { completions, parallelism = 1 } = job.spec;
  // A work queue whose first worker is done starts no other: those that run finish what they have.
  if (completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(parallelism, completions - succeeded));
}

/** Too many in all, and of an indexed job those without an index of their own. */
function surplusPods({ job, active, indexes }: JobFacts, atLeast: number, nowMs: number): readonly Pod[] {
  if (!indexes) return atLeast > 0 ? inDeletionOrder(active, new Map(), nowMs).slice(0, atLeast) : [];
  const byIndex = new Map<number, Pod[]>();
  const misplaced: Pod[] = [];
  for (const pod of active) {
    const index = completionIndexOf(pod, job);
    if (index === undefined) misplaced.push(pod);
    else byIndex.set(index, [...(byIndex.get(index) ?? []), pod]);
  }
  const left: Pod[] = [];
  for (const pods of byIndex.values()) {
    const ordered = pods.length > 1 ? inDeletionOrder(pods, new Map(), nowMs) : pods;
    misplaced.push(...ordered.slice(0, -1));
    left.push(...ordered.slice(-1));
  }
  const more = atLeast - misplaced.length;
  return more > 0 ? [...misplaced, ...inDeletionOrder(left, new Map(), nowMs).slice(0, more)] : misplaced;
}

/** The lowest indexes that nothing holds back; one in its back-off does not keep the later ones waiting. */
function makeIndexed({ job, indexes, active, terminating }: JobFacts, missing: number, nowMs: number): PodChanges {
  if (!indexes) return noChanges;
  const leaving = waitsForEnd(job) ? terminating : [];
  let taken = indexes.succeeded.with(indexesOf([...active, ...leaving], job));
  if (indexes.failed) taken = taken.with(indexes.failed);
  const steps: Step[] = [];
  let nextMs: number | undefined;
  for (const index of taken.absent(job.spec.completions ?? 0)) {
    if (steps.length === missing) break;
    const before = indexes.toReplace.get(index);
    const waitMs = before ? indexHoldMs(before, nowMs) : 0;
    if (waitMs === 0) steps.push(createPod(job, podFromJob(job, index, before)));
    else nextMs = Math.min(nextMs ?? waitMs, waitMs);
  }
  return { ...noChanges, steps, made: steps.length, holdMs: steps.length < missing ? nextMs : undefined };
}

function indexHoldMs(failedBefore: Pod, nowMs: number): number {
  const { counted, ignored } = failureCountsOf(failedBefore);
  return holdMs({ failures: counted + ignored + 1, lastMs: endedMs(failedBefore) }, nowMs);
}

export function countReady(pods: readonly Pod[]): number {
  return pods.filter(isPodReady).length;
}
