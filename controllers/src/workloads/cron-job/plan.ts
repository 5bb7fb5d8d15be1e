import type { CronJob, CronJobStatus, Job } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { EventPhrase, Plan, Step } from '../../runtime/step.ts';
import { trueCondition } from '../job/job-conditions.ts';
import { type Running, runningJobs, statusWith } from './cron-job-status.ts';
import { jobFromCronJob, jobNameAt } from './job-from-cron-job.ts';
import type { ObservedCronJob } from './observe.ts';
import { dueTime, lastStartAt, nextTimeInMs, type Timetable, timetableOf } from './schedule.ts';

/** Timers run on while the wall clock jumps, so the time is read again this often at least. */
const lookMsMax = 60_000;
/** That a job is not started beside another is told when its time comes, not at every look until the other ends. */
const blockedTellMs = 1000;

export function planCronJob(observed: ObservedCronJob, nowMs: number): Plan<CronJobStatus> {
  const { cronJob, jobs } = observed;
  const running = runningJobs(observed);
  const asItIs = statusWith(cronJob, {
    active: running.active,
    lastScheduleTime: lastStartAt(cronJob, nowMs),
    jobs,
  });
  const resting = { steps: tidyUp(cronJob, jobs), status: asItIs, statusTells: running.tells };
  if (cronJob.metadata.deletionTimestamp) return { ...resting, steps: [] };
  if (cronJob.spec.suspend) return resting;
  const timetable = timetableOf(cronJob);
  if ('problem' in timetable) {
    return { ...resting, steps: [...resting.steps, { op: 'event', about: cronJob, ...timetable.problem }] };
  }
  const nextMs = nextTimeInMs(timetable, nowMs);
  const again = nextMs === undefined ? {} : { again: { afterMs: Math.min(nextMs, lookMsMax) } };
  const start = startDue(observed, running, timetable, nowMs);
  if (!start) return { ...resting, ...again };
  return {
    steps: [...resting.steps, ...start.steps],
    status: start.startedAt
      ? statusWith(cronJob, { active: start.active, lastScheduleTime: start.startedAt, jobs })
      : asItIs,
    statusAfterFailure: () => asItIs,
    statusTells: [...running.tells, ...start.tells],
    ...again,
  };
}

interface Start {
  readonly steps: readonly Step[];
  readonly active: Running['active'];
  /** The time that counts as started once the steps are done; undefined when nothing starts. */
  readonly startedAt: string | undefined;
  readonly tells: readonly EventPhrase[];
}

/** The job of the time that is due, as the policy for those that run still allows. */
function startDue(
  { cronJob, jobs }: ObservedCronJob,
  { active, jobs: others }: Running,
  timetable: Timetable,
  nowMs: number,
): Start | undefined {
  const due = dueTime(cronJob, timetable, nowMs);
  if (!due) return undefined;
  const startedAt = formatTime(due.atMs);
  const name = jobNameAt(cronJob, due.atMs);
  // Made before, by somebody who did not come to write down that it was.
  if (jobs.some(({ metadata }) => metadata.name === name)) return { steps: [], active, startedAt, tells: [] };
  const { concurrencyPolicy } = cronJob.spec;
  if (concurrencyPolicy === 'Forbid' && active.length > 0) {
    const isNow = nowMs - due.atMs < blockedTellMs;
    return { steps: isNow ? [blocked(cronJob)] : [], active, startedAt: undefined, tells: [] };
  }
  const replaced = concurrencyPolicy === 'Replace' ? others : [];
  return {
    steps: [
      ...replaced.map((job) => deleteJob(cronJob, job)),
      {
        op: 'create',
        kind: kinds.jobs,
        object: jobFromCronJob(cronJob, due.atMs, timetable.schedule.timeZone ?? timetable.zone),
        tells: {
          about: cronJob,
          done: { type: 'Normal', reason: 'SuccessfulCreate', message: 'Created job {name}' },
          failed: { type: 'Warning', reason: 'FailedCreate', message: 'Error creating job: {error}' },
        },
      },
    ],
    active: concurrencyPolicy === 'Replace' ? [] : active,
    startedAt,
    tells: due.tells,
  };
}

function blocked(cronJob: CronJob): Step {
  const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
  return { op: 'event', about: cronJob, type: 'Normal', reason: 'JobAlreadyActive', message };
}

/** Of finished jobs as many are kept as the limits say, the latest. */
function tidyUp(cronJob: CronJob, jobs: readonly Job[]): Step[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec;
  const finished = (type: 'Complete' | 'Failed') =>
    jobs.filter((job) => !job.metadata.deletionTimestamp && trueCondition(job, type)).sort(byStart);
  const surplus = (list: readonly Job[], limit: number | undefined) =>
    limit === undefined ? [] : list.slice(0, Math.max(0, list.length - limit));
  return [
    ...surplus(finished('Complete'), successfulJobsHistoryLimit),
    ...surplus(finished('Failed'), failedJobsHistoryLimit),
  ].map((job) => deleteJob(cronJob, job));
}

function byStart(a: Job, b: Job): number {
  const startMs = ({ status }: Job) => (status?.startTime ? Date.parse(status.startTime) : Number.POSITIVE_INFINITY);
  const [first, second] = [startMs(a), startMs(b)];
  if (first !== second) return first < second ? -1 : 1;
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
}

function deleteJob(cronJob: CronJob, job: Job): Step {
  return {
    op: 'delete',
    kind: kinds.jobs,
    target: job,
    propagation: 'Background',
    tells: {
      about: cronJob,
      done: { type: 'Normal', reason: 'SuccessfulDelete', message: 'Deleted job {name}' },
      failed: { type: 'Warning', reason: 'FailedDelete', message: 'Deleted job: {error}' },
    },
  };
}
