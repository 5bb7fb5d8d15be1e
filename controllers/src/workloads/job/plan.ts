import { matcherOf } from '@slipway/api/selector';
import type { Job, JobCondition, JobStatus, Pod } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Caches } from '../../runtime/caches.ts';
import { claimChildren } from '../../runtime/claim.ts';
import type { EventPhrase, Plan, Step } from '../../runtime/step.ts';
import { type Accounting, account, type Counters, counter, letGo } from './accounting.ts';
import { completionOf, deadlineInMs, type Ending, endingOf } from './ending.ts';
import { conditionFrom, finishedCondition, withCondition } from './job-conditions.ts';
import { factsOf, type JobFacts } from './job-facts.ts';
import { controllingJob, isTracked, trackingFinalizer } from './job-pods.ts';
import { type ObservedJob, trackedPodsIndex } from './observe.ts';
import { countReady, type PodChanges, podChanges, stopAll } from './pod-changes.ts';

/** A view that is too old becomes new with the next change, or with the server's next bookmark. */
const oldViewLookMs = 1000;

export function planJob(observed: ObservedJob, nowMs: number): Plan<JobStatus> {
  const { job, open, orphans, released, streak } = observed;
  if (finishedCondition(job)) {
    return { steps: [...open.filter(isTracked).map(letGo), ...letStraysGo(observed, [])], status: 'unchanged' };
  }
  const owner = {
    kind: kinds.jobs,
    object: job,
    matcher: matcherOf(job.spec.selector),
    finalizer: trackingFinalizer,
  };
  const { claimed, steps: claims } = claimChildren(owner, kinds.pods, { owned: open, orphans });
  // What a job that is being deleted controls it lets go, by whatever labels: it would wait for that for ever.
  const facts = factsOf(job, job.metadata.deletionTimestamp ? open : claimed);
  const { ending, changes } = decide(facts, streak, nowMs);
  const accounting = account({ facts, ending, released });
  const next = nextStatus({ facts, ending, changes, accounting }, nowMs);
  const mayExpire = !ending && !job.metadata.deletionTimestamp;
  const waits = [changes.holdMs, mayExpire ? deadlineInMs({ ...job, status: next.status }, nowMs) : undefined];
  if (observed.hasUnseen) waits.push(oldViewLookMs);
  const afterMs = Math.min(...waits.filter((wait) => wait !== undefined));
  // Making pods comes last, since it may be refused: a namespace that goes takes no new ones, and waits for the finalizers of the old.
  return {
    steps: [...claims, ...accounting.steps, ...letStraysGo(observed, claimed), ...changes.steps],
    status: next.status,
    statusTells: next.tells,
    statusAfterFailure: () => statusAfterFailure(facts, accounting.countersAfterFailure, ending, nowMs),
    ...(Number.isFinite(afterMs) ? { again: { afterMs } } : {}),
  };
}

/** Pods that hold on to a job that is not there any more. */
export function planGoneJob(key: ObjectKey, caches: Caches): readonly Step[] {
  return caches.byIndex(kinds.pods, trackedPodsIndex, key).map(letStrayGo);
}

interface Decision {
  readonly ending: Ending | undefined;
  readonly changes: PodChanges;
}

function decide(facts: JobFacts, streak: ObservedJob['streak'], nowMs: number): Decision {
  const { job, active } = facts;
  if (job.metadata.deletionTimestamp) return { ending: undefined, changes: stopAll(job, []) };
  const ending = endingOf(facts, nowMs);
  if (ending) return { ending, changes: stopAll(job, active) };
  const changes = podChanges(facts, streak, nowMs);
  const completion = completionOf(facts, active.length + changes.made - changes.removed.length);
  return { ending: completion, changes };
}

function letStraysGo({ strays }: ObservedJob, claimed: readonly Pod[]): Step[] {
  const adopted = new Set(claimed);
  return strays.filter((pod) => !adopted.has(pod)).map(letStrayGo);
}

function letStrayGo(pod: Pod): Step {
  const step = letGo(pod) as Extract<Step, { op: 'patch' }>;
  const job = controllingJob(pod);
  if (job) return { ...step, whileGone: { kind: kinds.jobs, ...nameAndUid(job) } };
  // Somebody may adopt it meanwhile.
  return { ...step, evenIfChanged: false };
}

function nameAndUid({ name, uid }: { readonly name: string; readonly uid: string }) {
  return { name, uid };
}

interface StatusInput {
  readonly facts: JobFacts;
  readonly ending: Ending | undefined;
  readonly changes: PodChanges;
  readonly accounting: Accounting;
}

interface NextStatus {
  readonly status: JobStatus;
  readonly tells: readonly EventPhrase[];
}

function nextStatus({ facts, ending, changes, accounting }: StatusInput, nowMs: number): NextStatus {
  const { job, active, ready, terminating } = facts;
  const pods = {
    active: active.length + changes.made - changes.removed.length,
    ready: ready - countReady(changes.removed),
    terminating: terminating.length + changes.removed.length,
  };
  const isOver = ending?.isRecorded && accounting.isComplete && pods.active === 0 && pods.terminating === 0;
  if (ending && isOver) return finalStatus(facts, ending, accounting.counters, nowMs);
  const { conditions, startTime, tells } = ending
    ? { ...unchangedPart(job, nowMs), conditions: withInterim(job, ending, nowMs), tells: [] }
    : suspension(job, nowMs);
  return { status: statusFrom(conditions, startTime, pods, accounting.counters), tells };
}

function finalStatus(facts: JobFacts, ending: Ending, counters: Counters, nowMs: number): NextStatus {
  const { job } = facts;
  const isSuccess = ending.interim === 'SuccessCriteriaMet';
  const condition = conditionFrom(isSuccess ? 'Complete' : 'Failed', 'True', ending, nowMs);
  const { startTime } = unchangedPart(job, nowMs);
  // A job that was suspended from its beginning and has nothing to do never started; any other did.
  const started = startTime ?? (job.spec.completions === 0 ? undefined : formatTime(nowMs));
  const none = { active: 0, ready: 0, terminating: 0 };
  const status = statusFrom(withCondition(job.status?.conditions ?? [], condition), started, none, counters);
  // Never before the start, though the clock may have gone back.
  const endedAt = started !== undefined && started > formatTime(nowMs) ? started : formatTime(nowMs);
  return {
    status: isSuccess ? { ...status, completionTime: endedAt } : status,
    tells: isSuccess
      ? [...tooMany(job, counters), { type: 'Normal', reason: 'Completed', message: 'Job completed' }]
      : [{ type: 'Warning', reason: ending.reason, message: ending.message }],
  };
}

function tooMany({ spec }: Job, { succeeded = 0 }: Counters): EventPhrase[] {
  if (spec.completions === undefined || succeeded <= spec.completions) return [];
  const message = 'Too many succeeded pods running after completion count reached';
  return [{ type: 'Warning', reason: 'TooManySucceededPods', message }];
}

function statusAfterFailure(facts: JobFacts, counters: Counters, ending: Ending | undefined, nowMs: number): JobStatus {
  const { job, active, ready, terminating } = facts;
  const { conditions, startTime } = unchangedPart(job, nowMs);
  const pods = { active: active.length, ready, terminating: terminating.length };
  return statusFrom(ending ? withInterim(job, ending, nowMs) : conditions, startTime, pods, counters);
}

interface Lasting {
  readonly conditions: readonly JobCondition[];
  readonly startTime: string | undefined;
}

function unchangedPart({ spec, status }: Job, nowMs: number): Lasting {
  const startTime = status?.startTime ?? (spec.suspend ? undefined : formatTime(nowMs));
  return { conditions: status?.conditions ?? [], startTime };
}

function withInterim(job: Job, ending: Ending, nowMs: number): readonly JobCondition[] {
  const conditions = job.status?.conditions ?? [];
  return ending.isRecorded
    ? conditions
    : withCondition(conditions, conditionFrom(ending.interim, 'True', ending, nowMs));
}

/** Time does not run while a job is suspended, and begins anew when it goes on. */
function suspension(job: Job, nowMs: number): Lasting & { readonly tells: readonly EventPhrase[] } {
  const same = unchangedPart(job, nowMs);
  const before = same.conditions.find(({ type }) => type === 'Suspended')?.status === 'True';
  const isSuspended = job.spec.suspend === true;
  if (before === isSuspended || job.metadata.deletionTimestamp) return { ...same, tells: [] };
  const because = isSuspended
    ? { reason: 'JobSuspended', message: 'Job suspended' }
    : { reason: 'JobResumed', message: 'Job resumed' };
  const condition = conditionFrom('Suspended', isSuspended ? 'True' : 'False', because, nowMs);
  return {
    conditions: withCondition(same.conditions, condition),
    startTime: isSuspended ? undefined : formatTime(nowMs),
    tells: [{ type: 'Normal', reason: isSuspended ? 'Suspended' : 'Resumed', message: because.message }],
  };
}

function statusFrom(
  conditions: readonly JobCondition[],
  startTime: string | undefined,
  { active, ready, terminating }: { readonly active: number; readonly ready: number; readonly terminating: number },
  counters: Counters,
): JobStatus {
  return {
    ...(conditions.length > 0 ? { conditions: [...conditions] } : {}),
    ...(startTime === undefined ? {} : { startTime }),
    ...counter('active', active),
    ready,
    terminating,
    ...counters,
  };
}
