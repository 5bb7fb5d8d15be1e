import type { Job } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { aJob } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws, Move } from '../../testing/laws/controller-laws.ts';
import { conditionFrom, finishedCondition } from '../job/job-conditions.ts';

const { jobs } = kinds;
const restsAfterMs = 3 * 3_600_000;

export const ttlAfterFinishedLaws: ControllerLaws = {
  controller: 'ttl-after-finished',
  mayDie: true,
  primary: jobs,
  restsAfterMs,
  start(server) {
    server.put(jobs, aJob({ ttlSecondsAfterFinished: 60 }));
    server.put(jobs, aJob({}, { name: 'kept' }));
    server.put(jobs, aJob({ ttlSecondsAfterFinished: 0 }, { name: 'short', finalizers: ['example.com/held'] }));
  },
  moves: {
    'a job ends': changed((job, { dice, nowMs }) => {
      if (finishedCondition(job)) return job;
      const type = dice % 2 ? 'Complete' : 'Failed';
      return { ...job, status: { conditions: [conditionFrom(type, 'True', { reason: '', message: '' }, nowMs)] } };
    }),
    'it is given another time': changed((job, { dice }) => ({
      ...job,
      spec: { ...job.spec, ttlSecondsAfterFinished: (dice % 4) * 600 },
    })),
  },
  mayWrite: ({ verb, kindId }) => kindId === 'jobs.batch' && verb === 'delete',
  never: ({ before }, server) => {
    const dueMs = dueMsOf(before as Job);
    return dueMs === undefined || dueMs > server.nowMs
      ? `deleted before its time (${formatTime(server.nowMs)})`
      : undefined;
  },
  atRest(server) {
    const late = server.list(jobs).find((job) => {
      const dueMs = dueMsOf(job);
      return !job.metadata.deletionTimestamp && dueMs !== undefined && dueMs <= server.nowMs;
    });
    return late && `${keyOf(late)} is still there`;
  },
};

function dueMsOf(job: Job): number | undefined {
  const endedAt = finishedCondition(job)?.lastTransitionTime;
  const { ttlSecondsAfterFinished: seconds } = job.spec;
  return endedAt === undefined || seconds === undefined ? undefined : Date.parse(endedAt) + seconds * 1000;
}

function changed(change: (job: Job, by: { readonly dice: number; readonly nowMs: number }) => Job): Move {
  return (server, dice) => {
    const job = pick(server.list(jobs), dice);
    if (job) server.put(jobs, change(job, { dice: Math.floor(dice / 3), nowMs: server.nowMs }));
  };
}
