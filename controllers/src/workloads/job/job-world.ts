/** For tests: a job in a world in memory, and the hands that make its pods end. */
import { StatusError } from '@slipway/api/status-error';
import type { Job, Pod } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { invariant } from '@slipway/kit/invariant';
import { aJob } from '../../testing/builders.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { isPodActive } from '../pod-readiness.ts';
import { jobIndexes } from './controller.ts';
import { completionIndexKey, isTracked } from './job-pods.ts';
import { observeJob } from './observe.ts';
import { planJob } from './plan.ts';

export const jobDecider = { observe: observeJob, plan: planJob };
export const jobKey = 'shop/work';

export class JobWorld extends PlanWorld {
  constructor(more: Partial<Job['spec']> = {}) {
    super(jobIndexes);
    this.put(kinds.jobs, aJob(more));
  }

  get job(): Job {
    const job = this.get(kinds.jobs, jobKey);
    invariant(job, 'the job is gone');
    return job;
  }

  get pods(): readonly Pod[] {
    return this.list(kinds.pods);
  }

  get active(): readonly Pod[] {
    return this.pods.filter(isPodActive);
  }

  get tracked(): readonly Pod[] {
    return this.pods.filter(isTracked);
  }

  /** One look at the job. */
  see() {
    return this.look(jobDecider, kinds.jobs, jobKey);
  }

  /** One look while no pod may be made: the plan ends where it wants one. */
  seeRefusingPods(): void {
    const observed = observeJob(jobKey, this);
    const plan = observed && planJob(observed, this.nowMs);
    if (!plan) return;
    const refused = plan.steps.findIndex(({ op }) => op === 'create');
    const step = plan.steps[refused];
    for (const done of step ? plan.steps.slice(0, refused) : plan.steps) this.apply(done);
    const error = new StatusError('Forbidden', 'no new pods here');
    const status = step && plan.statusAfterFailure ? plan.statusAfterFailure({ step, error }) : plan.status;
    this.writeStatus(kinds.jobs, this.job, { ...plan, status });
  }

  rest(): void {
    this.settle(jobDecider, kinds.jobs, jobKey);
  }

  /** The active pod of a completion index. */
  at(index: number): Pod {
    const pod = this.active.find(({ metadata }) => metadata.annotations?.[completionIndexKey] === String(index));
    invariant(pod, `no active pod of index ${index}`);
    return pod;
  }

  set(pod: Pod, status: Pod['status']): void {
    const current = this.get(kinds.pods, keyOf(pod)) ?? pod;
    this.put(kinds.pods, { ...current, status: { ...current.status, ...status } });
  }

  succeed(pod: Pod): void {
    this.set(pod, { phase: 'Succeeded', containerStatuses: [this.#ended(0)] });
  }

  fail(pod: Pod, exitCode = 1): void {
    this.set(pod, { phase: 'Failed', containerStatuses: [this.#ended(exitCode)] });
  }

  change(spec: Partial<Job['spec']>): void {
    this.put(kinds.jobs, { ...this.job, spec: { ...this.job.spec, ...spec } });
  }

  /** Conditions that hold, in their order, as `Type/Reason`. */
  get conditions(): string[] {
    const { conditions = [] } = this.job.status ?? {};
    return conditions.filter(({ status }) => status === 'True').map(({ type, reason }) => `${type}/${reason}`);
  }

  /** The counters that are not 0. */
  get counters(): Record<string, number> {
    const { active, succeeded, failed, ready, terminating } = this.job.status ?? {};
    const all = Object.entries({ active, succeeded, failed, ready, terminating });
    return Object.fromEntries(all.filter((entry): entry is [string, number] => (entry[1] ?? 0) > 0));
  }

  #ended(exitCode: number) {
    const finishedAt = formatTime(this.nowMs);
    const state = {
      terminated: { exitCode, finishedAt, startedAt: finishedAt, reason: exitCode ? 'Error' : 'Completed' },
    };
    return { name: 'main', image: 'work:1', imageID: '', ready: false, restartCount: 0, state };
  }
}
