import type { CronJob, Job } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { invariant } from '@slipway/kit/invariant';
import { controllerReferenceTo } from '../../runtime/owner.ts';
import { aCronJob, aJob } from '../../testing/builders.ts';
import { expectSettles } from '../../testing/plan-laws.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { conditionFrom } from '../job/job-conditions.ts';
import { observeCronJob } from './observe.ts';
import { planCronJob } from './plan.ts';

const controller = { observe: observeCronJob, plan: planCronJob };
const key = 'shop/tick';
const minuteMs = 60_000;
const because = { reason: '', message: '' };

class CronWorld extends PlanWorld {
  constructor(more: Partial<CronJob['spec']> = {}) {
    super();
    this.put(kinds.cronJobs, aCronJob(more));
  }

  get cronJob(): CronJob {
    const cronJob = this.get(kinds.cronJobs, key);
    invariant(cronJob, 'the cron job is gone');
    return cronJob;
  }

  get jobs(): readonly Job[] {
    return this.list(kinds.jobs);
  }

  get names(): (string | undefined)[] {
    return this.jobs.map(({ metadata }) => metadata.name);
  }

  get active(): (string | undefined)[] {
    return (this.cronJob.status?.active ?? []).map(({ name }) => name);
  }

  rest(): void {
    this.settle(controller, kinds.cronJobs, key);
  }

  see() {
    return this.look(controller, kinds.cronJobs, key);
  }

  after(ms: number): void {
    this.nowMs += ms;
    this.rest();
  }

  end(job: Job | undefined, type: 'Complete' | 'Failed' = 'Complete'): void {
    if (!job) return;
    const now = formatTime(this.nowMs);
    const conditions = [conditionFrom(type, 'True', because, this.nowMs)];
    const status = { startTime: job.metadata.creationTimestamp ?? now, conditions };
    this.put(kinds.jobs, { ...job, status: type === 'Complete' ? { ...status, completionTime: now } : status });
  }

  change(spec: Partial<CronJob['spec']>): void {
    this.put(kinds.cronJobs, { ...this.cronJob, spec: { ...this.cronJob.spec, ...spec } });
  }
}

const name = (atMs: number) => `tick-${atMs / minuteMs}`;
const settles = (world: CronWorld) => expectSettles(world, controller, kinds.cronJobs, key);

describe('a cron job', () => {
  it('makes a job when its time comes, named after the minute, and lists it', () => {
    const world = new CronWorld();
    const startMs = world.nowMs;
    world.rest();
    expect(world.jobs).toEqual([]);
    world.after(5 * minuteMs + 12);
    expect(world.names).toEqual([name(startMs + 5 * minuteMs)]);
    expect(world.jobs[0]?.metadata).toMatchObject({
      namespace: 'shop',
      labels: { tick: 'yes' },
      annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T00:05:00Z' },
      ownerReferences: [{ kind: 'CronJob', name: 'tick', controller: true }],
    });
    expect(world.cronJob.status).toMatchObject({
      lastScheduleTime: '2026-01-01T00:05:00Z',
      active: [{ kind: 'Job', apiVersion: 'batch/v1', namespace: 'shop', uid: world.jobs[0]?.metadata.uid }],
    });
    expect(world.told).toEqual([`Created job ${name(startMs + 5 * minuteMs)}`]);
    settles(world);
  });

  it('tells of jobs that end, remembers the last success, and keeps as many as it says', () => {
    const world = new CronWorld({ successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 0 });
    for (const type of ['Complete', 'Complete', 'Failed'] as const) {
      world.after(5 * minuteMs);
      world.nowMs += 1000;
      world.end(world.jobs.at(-1), type);
      world.rest();
    }
    expect(world.told.filter((message) => message.startsWith('Saw'))).toEqual([
      expect.stringMatching(/^Saw completed job: tick-\d+, condition: Complete$/),
      expect.stringMatching(/^Saw completed job: tick-\d+, condition: Complete$/),
      expect.stringMatching(/^Saw completed job: tick-\d+, condition: Failed$/),
    ]);
    expect(world.jobs).toHaveLength(1);
    expect(world.cronJob.status?.active).toBeUndefined();
    expect(world.cronJob.status?.lastSuccessfulTime).toBe('2026-01-01T00:10:02Z');
    settles(world);
  });

  it('starts nothing while it is suspended, and what it missed when it goes on', () => {
    const world = new CronWorld({ suspend: true });
    world.after(12 * minuteMs);
    expect(world.jobs).toEqual([]);
    world.change({ suspend: false });
    world.rest();
    expect(world.cronJob.status?.lastScheduleTime).toBe('2026-01-01T00:10:00Z');
    expect(world.jobs).toHaveLength(1);
  });

  it('of a job that it made without writing so down makes no second one', () => {
    const world = new CronWorld();
    world.nowMs += 5 * minuteMs;
    const plan = planCronJob(observeCronJob(key, world) as never, world.nowMs);
    for (const step of plan.steps) world.apply(step);
    world.rest();
    expect(world.jobs).toHaveLength(1);
    expect(world.cronJob.status?.lastScheduleTime).toBe('2026-01-01T00:05:00Z');
    expect(world.active).toHaveLength(1);
  });

  it('tells of a job that went missing, and of one that somebody gave it, once', () => {
    const world = new CronWorld();
    world.after(5 * minuteMs);
    const [job] = world.jobs;
    if (job) world.remove(kinds.jobs, keyOf(job));
    world.put(kinds.jobs, aJob({}, { name: 'gift', ownerReferences: [controllerReferenceTo(world.cronJob)] }));
    world.rest();
    world.rest();
    expect(world.told.slice(1)).toEqual([
      `Active job went missing: ${job?.metadata.name}`,
      'Saw a job that the controller did not create or forgot: gift',
    ]);
    expect(world.active).toEqual(['gift']);
  });

  it('lets a job that was started by hand run beside the schedule', () => {
    const world = new CronWorld({ concurrencyPolicy: 'Forbid' });
    const metadata = {
      name: 'by-hand',
      annotations: { 'cronjob.kubernetes.io/instantiate': 'manual' },
      ownerReferences: [controllerReferenceTo(world.cronJob)],
    };
    world.put(kinds.jobs, aJob({}, metadata));
    world.after(5 * minuteMs);
    expect(world.jobs).toHaveLength(2);
    expect(world.active).toHaveLength(1);
    expect(world.told.filter((message) => message.startsWith('Saw'))).toEqual([]);
  });
});

describe('jobs at the same time', () => {
  it('are allowed', () => {
    const world = new CronWorld();
    for (let times = 0; times < 3; times++) world.after(5 * minuteMs);
    expect(world.active).toHaveLength(3);
    settles(world);
  });

  it('are forbidden: the next one starts when the first has ended', () => {
    const world = new CronWorld({ concurrencyPolicy: 'Forbid' });
    world.after(5 * minuteMs);
    world.after(5 * minuteMs);
    expect(world.jobs).toHaveLength(1);
    expect(world.told.at(-1)).toBe(
      'Not starting job because prior execution is running and concurrency policy is Forbid',
    );
    world.nowMs += 2 * minuteMs;
    world.end(world.jobs[0]);
    world.rest();
    expect(world.active).toEqual([name(Date.UTC(2026, 0, 1, 0, 10))]);
    settles(world);
  });

  it('are forbidden: a start that is too late is left out', () => {
    const world = new CronWorld({ concurrencyPolicy: 'Forbid', startingDeadlineSeconds: 60 });
    world.after(5 * minuteMs);
    world.after(7 * minuteMs);
    world.end(world.jobs[0]);
    world.rest();
    expect(world.active).toEqual([]);
    settles(world);
  });

  it('are replaced', () => {
    const world = new CronWorld({ concurrencyPolicy: 'Replace' });
    world.after(5 * minuteMs);
    const [first] = world.names;
    world.after(5 * minuteMs);
    expect(world.jobs).toHaveLength(1);
    expect(world.active).toEqual([name(Date.UTC(2026, 0, 1, 0, 10))]);
    expect(world.told.slice(1)).toEqual([`Deleted job ${first}`, `Created job ${world.names[0]}`]);
    settles(world);
  });
});

describe('a clock that jumps', () => {
  it('ahead starts one job, and warns', () => {
    const world = new CronWorld();
    world.after(5 * minuteMs);
    world.after(400 * 24 * 3_600_000 + 90_000);
    expect(world.jobs).toHaveLength(2);
    expect(world.told).toContain(
      'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew',
    );
    settles(world);
  });

  it('back by far goes on from there, and makes no job of a time twice', () => {
    const world = new CronWorld();
    world.after(400 * 24 * 3_600_000);
    world.after(-200 * 24 * 3_600_000);
    expect(world.jobs).toHaveLength(1);
    expect(world.see()?.again?.afterMs).toBeLessThanOrEqual(minuteMs);
    world.after(5 * minuteMs);
    world.after(5 * minuteMs);
    expect(world.jobs).toHaveLength(3);
    settles(world);
  });

  it('back by seconds starts nothing again', () => {
    const world = new CronWorld({ successfulJobsHistoryLimit: 0 });
    world.after(5 * minuteMs);
    world.end(world.jobs[0]);
    world.rest();
    world.after(-3000);
    world.after(3000);
    expect(world.jobs).toEqual([]);
    settles(world);
  });
});

describe('a schedule', () => {
  it('that is changed starts nothing for times before the change', () => {
    const world = new CronWorld({ schedule: '0 9 * * *' });
    world.after(9 * 3_600_000);
    world.nowMs += 3 * 3_600_000;
    const entry = { manager: 'kubectl-edit', operation: 'Update', time: formatTime(world.nowMs) };
    const managedFields = [{ ...entry, fieldsV1: { 'f:spec': { 'f:schedule': {} } } }];
    world.put(kinds.cronJobs, { ...world.cronJob, metadata: { ...world.cronJob.metadata, managedFields } });
    world.change({ schedule: '0 10 * * *' });
    world.rest();
    expect(world.jobs).toHaveLength(1);
    world.after(22 * 3_600_000);
    expect(world.jobs).toHaveLength(2);
  });

  it('is read in its time zone', () => {
    const world = new CronWorld({ schedule: '5 9 * * *', timeZone: 'Asia/Tokyo' });
    world.after(10 * minuteMs);
    expect(world.jobs[0]?.metadata.annotations).toEqual({
      'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T09:05:00+09:00',
    });
  });

  it.each([
    [{ schedule: 'often' }, /^unparseable schedule: "often" : expected exactly 5 fields/],
    [{ timeZone: 'Mars/Base' }, 'invalid timeZone: "Mars/Base": unknown time zone Mars/Base'],
  ])('that cannot be followed is told: %j', (spec, message) => {
    const world = new CronWorld(spec);
    world.after(10 * minuteMs);
    expect(world.jobs).toEqual([]);
    expect(world.told[0]).toMatch(message);
  });

  it('that never comes asks for no look', () => {
    const world = new CronWorld({ schedule: '0 0 31 2 *' });
    expect(world.see()).toEqual({ steps: [], status: {}, statusTells: [] });
  });
});
