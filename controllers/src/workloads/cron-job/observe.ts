import type { CronJob, Job } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { isControlledBy } from '../../runtime/owner.ts';

export interface ObservedCronJob {
  readonly cronJob: CronJob;
  /** Those that it controls, made by the schedule or not. */
  readonly jobs: readonly Job[];
  /** The view of the jobs is as new as the cron job: one that is not in it is not there. */
  readonly isComplete: boolean;
}

export function observeCronJob(key: ObjectKey, caches: Caches): ObservedCronJob | undefined {
  const cronJob = caches.get(kinds.cronJobs, key);
  if (!cronJob) return undefined;
  const owned = caches.ownedBy(kinds.jobs, cronJob.metadata.uid ?? '');
  const version = BigInt(cronJob.metadata.resourceVersion ?? '0');
  return {
    cronJob,
    jobs: owned.filter((job) => isControlledBy(job, cronJob)),
    isComplete: caches.of(kinds.jobs).resourceVersion >= version,
  };
}
