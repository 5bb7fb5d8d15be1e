import type { CronJob, Job } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { isControlledBy } from '../../runtime/owner.ts';
import { aCronJob } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws, Move } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { conditionFrom, finishedCondition } from '../job/job-conditions.ts';
import { isScheduled } from './job-from-cron-job.ts';

const { cronJobs, jobs } = kinds;
/** Times come in the first quarter of an hour only, so that the world comes to rest. */
const schedule = '2-14/2 0 * * *';

export const cronJobLaws: ControllerLaws = {
  controller: 'cronjob',
  mayDie: true,
  primary: cronJobs,
  children: [jobs],
  start(server) {
    for (const concurrencyPolicy of ['Allow', 'Forbid', 'Replace']) {
      const cronJob = aCronJob({ schedule, concurrencyPolicy });
      server.put(cronJobs, { ...cronJob, metadata: { namespace: 'shop', name: concurrencyPolicy.toLowerCase() } });
    }
  },
  moves: {
    'time goes by': () => {},
    'a job ends': (server, dice) => {
      const job = pick(server.list(jobs), dice);
      if (!job || finishedCondition(job)) return;
      const type = dice % 3 === 0 ? 'Failed' : 'Complete';
      const conditions = [conditionFrom(type, 'True', { reason: '', message: '' }, server.nowMs)];
      const now = formatTime(server.nowMs);
      const ended = type === 'Complete' ? { completionTime: now } : {};
      server.put(jobs, { ...job, status: { conditions, startTime: job.metadata.creationTimestamp ?? now, ...ended } });
    },
    'it is suspended': changed((spec) => ({ ...spec, suspend: true })),
    'it goes on': changed((spec) => ({ ...spec, suspend: false })),
    'another policy': changed((spec, dice) => ({
      ...spec,
      concurrencyPolicy: ['Allow', 'Forbid', 'Replace'][dice % 3] ?? 'Allow',
    })),
  },
  never(write, server) {
    if (write.kindId !== 'jobs.batch' || write.verb !== 'create') return undefined;
    const job = write.after as Job;
    const cronJob = server.list(cronJobs).find((owner) => isControlledBy(job, owner));
    if (!cronJob) return 'a job of nobody';
    if (cronJob.spec.suspend || cronJob.metadata.deletionTimestamp) return 'a job of one that wants none';
    const beside = runningOf(cronJob, server).length;
    return cronJob.spec.concurrencyPolicy !== 'Allow' && beside > 1 ? `${beside} jobs at once` : undefined;
  },
  atRest(server) {
    for (const cronJob of server.list(cronJobs)) {
      if (cronJob.metadata.deletionTimestamp) continue;
      const listed = (cronJob.status?.active ?? []).map(({ uid }) => uid);
      const running = server
        .list(jobs)
        .filter((job) => isControlledBy(job, cronJob) && !finishedCondition(job) && !job.metadata.deletionTimestamp);
      const missing = running.find(({ metadata }) => !listed.includes(metadata.uid));
      if (missing) return `${keyOf(cronJob)} does not list ${keyOf(missing)}`;
      if (listed.length > running.length) return `${keyOf(cronJob)} lists ${listed.length} of ${running.length} jobs`;
    }
    return undefined;
  },
};

function runningOf(cronJob: CronJob, server: MemoryServer): readonly Job[] {
  return server
    .list(jobs)
    .filter((job) => isControlledBy(job, cronJob) && isScheduled(job, cronJob))
    .filter((job) => !finishedCondition(job) && !job.metadata.deletionTimestamp);
}

function changed(change: (spec: CronJob['spec'], dice: number) => CronJob['spec']): Move {
  return (server, dice) => {
    const cronJob = pick(server.list(cronJobs), dice);
    if (cronJob) server.put(cronJobs, { ...cronJob, spec: change(cronJob.spec, Math.floor(dice / 3)) });
  };
}
