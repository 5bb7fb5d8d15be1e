/** What the jobs say about the cron job: which run, when one succeeded last. */
import type { CronJob, CronJobStatus, Job, ObjectReference } from '@slipway/api/types';
import type { EventPhrase } from '../../runtime/step.ts';
import { finishedCondition, trueCondition } from '../job/job-conditions.ts';
import { isManual, isScheduled } from './job-from-cron-job.ts';
import type { ObservedCronJob } from './observe.ts';

export interface Running {
  readonly active: readonly ObjectReference[];
  /** Those that the references mean. */
  readonly jobs: readonly Job[];
  readonly tells: readonly EventPhrase[];
}

export function runningJobs({ cronJob, jobs, isComplete }: ObservedCronJob): Running {
  const known = cronJob.status?.active ?? [];
  const byUid = new Map(jobs.map((job) => [job.metadata.uid, job]));
  const active: ObjectReference[] = [];
  const tells: EventPhrase[] = [];
  for (const reference of known) {
    const job = byUid.get(reference.uid);
    const ended = job && finishedCondition(job);
    if (job && !ended) active.push(reference);
    else if (job && ended) tells.push(sawCompleted(job, ended.type));
    else if (isComplete) {
      tells.push({ type: 'Normal', reason: 'MissingJob', message: `Active job went missing: ${reference.name}` });
    } else active.push(reference);
  }
  const uids = new Set(known.map(({ uid }) => uid));
  for (const job of jobs) {
    if (uids.has(job.metadata.uid) || finishedCondition(job) || job.metadata.deletionTimestamp || isManual(job))
      continue;
    active.push(referenceTo(job));
    if (!isScheduled(job, cronJob)) tells.push(unexpected(job));
  }
  const activeUids = new Set(active.map(({ uid }) => uid));
  return { active, jobs: jobs.filter(({ metadata }) => activeUids.has(metadata.uid)), tells };
}

export function statusWith(
  { status = {} }: CronJob,
  {
    active,
    lastScheduleTime,
    jobs,
  }: {
    readonly active: readonly ObjectReference[];
    readonly lastScheduleTime: string | undefined;
    readonly jobs: readonly Job[];
  },
): CronJobStatus {
  const lastSuccessfulTime = lastSuccess(jobs, status.lastSuccessfulTime);
  return {
    ...(active.length > 0 ? { active: [...active] } : {}),
    ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
    ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }),
  };
}

function lastSuccess(jobs: readonly Job[], known: string | undefined): string | undefined {
  let last = known;
  for (const job of jobs) {
    const { completionTime } = job.status ?? {};
    if (!completionTime || !trueCondition(job, 'Complete')) continue;
    if (last === undefined || Date.parse(completionTime) > Date.parse(last)) last = completionTime;
  }
  return last;
}

function referenceTo({ apiVersion, kind, metadata }: Job): ObjectReference {
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion };
}

function sawCompleted({ metadata }: Job, condition: string): EventPhrase {
  const message = `Saw completed job: ${metadata.name}, condition: ${condition}`;
  return { type: 'Normal', reason: 'SawCompletedJob', message };
}

function unexpected({ metadata }: Job): EventPhrase {
  const message = `Saw a job that the controller did not create or forgot: ${metadata.name}`;
  return { type: 'Warning', reason: 'UnexpectedJob', message };
}
