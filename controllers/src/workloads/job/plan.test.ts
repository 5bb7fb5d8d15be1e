import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { aPod } from '../../testing/builders.ts';
import { expectSettles } from '../../testing/plan-laws.ts';
import { controllerReferenceTo } from '../../runtime/owner.ts';
import { completionIndexKey, trackingFinalizer } from './job-pods.ts';
import { jobDecider, jobKey, JobWorld } from './job-world.ts';
import { planGoneJob } from './plan.ts';

const settles = (world: JobWorld) => expectSettles(world, jobDecider, kinds.jobs, jobKey);
const indexed = { completionMode: 'Indexed' };

describe('a job', () => {
  it('makes a pod from the template, tracked and owned, and counts it as active', () => {
    const world = new JobWorld();
    world.rest();
    expect(world.pods).toHaveLength(1);
    expect(world.pods[0]?.metadata).toMatchObject({
      generateName: 'work-',
      labels: { job: 'work' },
      finalizers: [trackingFinalizer],
      ownerReferences: [{ kind: 'Job', name: 'work', controller: true, blockOwnerDeletion: true }],
    });
    expect(world.job.status).toEqual({
      active: 1,
      ready: 0,
      terminating: 0,
      startTime: formatTime(world.nowMs),
      uncountedTerminatedPods: {},
    });
    expect(world.told).toEqual([expect.stringMatching(/^Created pod: work-/)]);
    settles(world);
  });

  it('is complete when its pods have succeeded, first by the interim condition, then by the final one', () => {
    const world = new JobWorld({ completions: 3, parallelism: 2 });
    for (let round = 0; round < 3; round++) {
      world.rest();
      const [pod] = world.active;
      if (pod) world.succeed(pod);
    }
    world.see();
    expect(world.conditions).toEqual(['SuccessCriteriaMet/CompletionsReached']);
    expect(world.job.status?.completionTime).toBeUndefined();
    world.rest();
    expect(world.conditions).toEqual(['SuccessCriteriaMet/CompletionsReached', 'Complete/CompletionsReached']);
    expect(world.counters).toEqual({ succeeded: 3 });
    expect(world.tracked).toEqual([]);
    expect(world.job.status?.completionTime).toBe(formatTime(world.nowMs));
    expect(world.told.at(-1)).toBe('Job completed');
    settles(world);
  });

  it('writes the uid of an ended pod before it lets the pod go, and counts it only then', () => {
    const world = new JobWorld({ completions: 2, parallelism: 2 });
    world.rest();
    const [pod] = world.active;
    if (pod) world.succeed(pod);
    world.see();
    expect(world.job.status).toMatchObject({ uncountedTerminatedPods: { succeeded: [pod?.metadata.uid] } });
    expect(world.job.status?.succeeded).toBeUndefined();
    expect(world.tracked).toHaveLength(2);
    world.see();
    expect(world.job.status).toMatchObject({ succeeded: 1, uncountedTerminatedPods: {} });
    expect(world.tracked).toHaveLength(1);
    settles(world);
  });

  it('never starts more than is left to complete, and removes what is too much', () => {
    const world = new JobWorld({ completions: 5, parallelism: 10 });
    world.rest();
    expect(world.active).toHaveLength(5);
    world.change({ parallelism: 2 });
    world.rest();
    expect(world.active).toHaveLength(2);
    expect(world.counters).toEqual({ active: 2 });
    world.change({ parallelism: 0 });
    world.rest();
    expect(world.pods).toEqual([]);
    settles(world);
  });

  it('of a work queue starts no more pods once one has succeeded, and waits for the others', () => {
    const world = new JobWorld({ parallelism: 3 });
    world.put(kinds.jobs, { ...world.job, spec: { ...world.job.spec, completions: undefined } } as never);
    world.rest();
    expect(world.active).toHaveLength(3);
    const [first, ...others] = world.active;
    if (first) world.succeed(first);
    world.rest();
    expect(world.counters).toEqual({ active: 2, succeeded: 1 });
    for (const pod of others) world.fail(pod);
    world.rest();
    expect(world.conditions).toContain('Complete/CompletionsReached');
    expect(world.counters).toEqual({ succeeded: 1, failed: 2 });
    settles(world);
  });

  it('is complete at once when nothing is to be done', () => {
    const world = new JobWorld({ completions: 0 });
    world.rest();
    expect(world.conditions).toContain('Complete/CompletionsReached');
    expect(world.pods).toEqual([]);
  });

  it('is left alone when somebody else manages it', () => {
    const world = new JobWorld({ managedBy: 'acme.io/queue' });
    expect(world.see()).toBeUndefined();
  });
});

describe('failed pods', () => {
  it('are replaced after a delay that doubles, until the limit is exceeded', () => {
    const world = new JobWorld({ backoffLimit: 3 });
    for (const delayMs of [10_000, 20_000, 40_000]) {
      world.rest();
      const [pod] = world.active;
      if (pod) world.fail(pod);
      world.rest();
      expect(world.active).toEqual([]);
      expect(world.see()?.again?.afterMs).toBe(delayMs);
      world.nowMs += delayMs - 1;
      world.rest();
      expect(world.active).toEqual([]);
      world.nowMs += 1;
    }
    world.rest();
    const [last] = world.active;
    if (last) world.fail(last);
    world.rest();
    expect(world.conditions).toEqual(['FailureTarget/BackoffLimitExceeded', 'Failed/BackoffLimitExceeded']);
    expect(world.counters).toEqual({ failed: 4 });
    expect(world.told.at(-1)).toBe('Job has reached the specified backoff limit');
    settles(world);
  });

  it('hold back nothing after a later success, nor longer than the delay when the clock went back', () => {
    const world = new JobWorld({ completions: 4, parallelism: 2 });
    world.rest();
    const [first, second] = world.active;
    if (first) world.fail(first);
    world.nowMs += 1000;
    if (second) world.succeed(second);
    world.rest();
    expect(world.active).toHaveLength(2);
    const [third] = world.active;
    world.nowMs += 1000;
    if (third) world.fail(third);
    world.nowMs -= 3_600_000;
    expect(world.see()?.again?.afterMs).toBe(10_000);
  });

  it('end the job for all: what runs is stopped and counts as failed', () => {
    const world = new JobWorld({ completions: 3, parallelism: 3, backoffLimit: 0 });
    world.rest();
    const [pod] = world.active;
    if (pod) world.fail(pod);
    world.see();
    expect(world.conditions).toEqual(['FailureTarget/BackoffLimitExceeded']);
    expect(world.tracked).toHaveLength(3);
    world.rest();
    expect(world.counters).toEqual({ failed: 3 });
    expect(world.pods).toHaveLength(1);
    settles(world);
  });

  it('keep the job from being over while a stopped pod still runs out its time', () => {
    const world = new JobWorld({ completions: 2, parallelism: 2, backoffLimit: 0 });
    world.rest();
    const [failed, slow] = world.active;
    if (failed) world.fail(failed);
    if (slow) {
      const metadata = { ...slow.metadata, deletionTimestamp: formatTime(world.nowMs), deletionGracePeriodSeconds: 30 };
      world.put(kinds.pods, { ...slow, metadata });
    }
    world.rest();
    expect(world.conditions).toEqual(['FailureTarget/BackoffLimitExceeded']);
    expect(world.counters).toEqual({ failed: 2, terminating: 1 });
    if (slow) world.remove(kinds.pods, `shop/${slow.metadata.name}`);
    world.rest();
    expect(world.conditions).toContain('Failed/BackoffLimitExceeded');
    settles(world);
  });

  it('are let go of although their successors are refused', () => {
    const world = new JobWorld();
    world.rest();
    for (const pod of world.active) world.fail(pod);
    world.nowMs += 600_000;
    for (let looks = 0; looks < 3; looks++) world.seeRefusingPods();
    expect(world.tracked).toEqual([]);
    expect(world.counters).toEqual({ failed: 1 });
  });

  it('count restarts in place too, where containers are restarted in their pod', () => {
    const template = {
      metadata: { labels: { job: 'work' } },
      spec: { restartPolicy: 'OnFailure', containers: [{ name: 'main', image: 'work:1' }] },
    };
    const world = new JobWorld({ backoffLimit: 2, template });
    world.rest();
    const restarted = (restartCount: number) => ({
      phase: 'Running',
      containerStatuses: [{ name: 'main', image: '', imageID: '', ready: true, restartCount }],
    });
    for (const pod of world.active) world.set(pod, restarted(1));
    world.rest();
    expect(world.conditions).toEqual([]);
    for (const pod of world.active) world.set(pod, restarted(2));
    world.rest();
    expect(world.conditions).toContain('Failed/BackoffLimitExceeded');
  });

  it('are replaced at once while they are on their way out, unless the job waits for their end', () => {
    for (const [podReplacementPolicy, expected] of [
      ['TerminatingOrFailed', { active: 1, failed: 1, terminating: 1 }],
      ['Failed', { terminating: 1 }],
    ] as const) {
      const world = new JobWorld({ podReplacementPolicy });
      world.rest();
      const [pod] = world.active;
      const deletionTimestamp = formatTime(world.nowMs);
      const metadata = { ...pod?.metadata, deletionTimestamp, deletionGracePeriodSeconds: 30 };
      if (pod) world.put(kinds.pods, { ...pod, metadata });
      world.rest();
      world.nowMs += 60_000;
      world.rest();
      expect(world.counters).toEqual(expected);
      settles(world);
    }
  });
});

describe('suspension', () => {
  it('removes what runs without counting it, and starts the time anew when the job goes on', () => {
    const world = new JobWorld({ completions: 2, parallelism: 2, activeDeadlineSeconds: 60 });
    world.rest();
    expect(world.see()?.again?.afterMs).toBe(60_000);
    world.change({ suspend: true });
    world.rest();
    expect(world.pods).toEqual([]);
    expect(world.conditions).toEqual(['Suspended/JobSuspended']);
    expect(world.job.status?.startTime).toBeUndefined();
    expect(world.told.at(-1)).toBe('Job suspended');
    settles(world);
    world.nowMs += 3_600_000;
    world.rest();
    world.change({ suspend: false });
    world.rest();
    expect(world.counters).toEqual({ active: 2 });
    expect(world.job.status?.startTime).toBe(formatTime(world.nowMs));
    expect(world.job.status?.conditions).toMatchObject([{ type: 'Suspended', status: 'False', reason: 'JobResumed' }]);
    expect(world.told.filter((message) => message === 'Job resumed')).toHaveLength(1);
    settles(world);
  });

  it('holds back nothing when the job goes on while the former pods still run out their time', () => {
    const world = new JobWorld({ completions: 2, parallelism: 2, podReplacementPolicy: 'TerminatingOrFailed' });
    world.rest();
    world.change({ suspend: true });
    const former = world.pods;
    world.rest();
    for (const { metadata, ...pod } of former) {
      const { finalizers: _, ...rest } = metadata;
      const leaving = { deletionTimestamp: formatTime(world.nowMs), deletionGracePeriodSeconds: 30 };
      world.put(kinds.pods, { ...pod, metadata: { ...rest, ...leaving } });
    }
    world.change({ suspend: false });
    world.rest();
    expect(world.counters).toEqual({ active: 2, terminating: 2 });
  });

  it('from the beginning means no pod, no start', () => {
    const world = new JobWorld({ suspend: true });
    world.rest();
    expect(world.pods).toEqual([]);
    expect(world.job.status).toMatchObject({ ready: 0, conditions: [{ type: 'Suspended', status: 'True' }] });
    expect(world.job.status?.startTime).toBeUndefined();
  });

  it('ends at the deadline of the active time', () => {
    const world = new JobWorld({ activeDeadlineSeconds: 60 });
    world.rest();
    world.nowMs += 60_000;
    world.rest();
    expect(world.conditions).toEqual(['FailureTarget/DeadlineExceeded', 'Failed/DeadlineExceeded']);
    expect(world.counters).toEqual({ failed: 1 });
    expect(world.told.at(-1)).toBe('Job was active longer than specified deadline');
  });
});

describe('an indexed job', () => {
  it('gives each pod an index by annotation, label, variable, name and host name', () => {
    const world = new JobWorld({ ...indexed, completions: 3, parallelism: 2 });
    world.rest();
    expect(world.active.map(({ metadata }) => metadata.generateName)).toEqual(['work-0-', 'work-1-']);
    expect(world.at(1)).toMatchObject({
      metadata: { annotations: { [completionIndexKey]: '1' }, labels: { [completionIndexKey]: '1', job: 'work' } },
      spec: {
        hostname: 'work-1',
        containers: [
          {
            env: [
              {
                name: 'JOB_COMPLETION_INDEX',
                valueFrom: { fieldRef: { fieldPath: `metadata.labels['${completionIndexKey}']` } },
              },
            ],
          },
        ],
      },
    });
  });

  it('records completed indexes compressed, and each once', () => {
    const world = new JobWorld({ ...indexed, completions: 6, parallelism: 6 });
    world.rest();
    for (const index of [0, 1, 2, 4]) world.succeed(world.at(index));
    world.rest();
    expect(world.job.status).toMatchObject({ completedIndexes: '0-2,4', succeeded: 4, active: 2 });
    expect(world.tracked).toHaveLength(2);
    world.fail(world.at(3));
    world.succeed(world.at(5));
    world.rest();
    world.nowMs += 10_000;
    world.rest();
    world.succeed(world.at(3));
    world.rest();
    expect(world.job.status).toMatchObject({ completedIndexes: '0-5', succeeded: 6, failed: 1 });
    expect(world.conditions).toContain('Complete/CompletionsReached');
    settles(world);
  });

  it('removes pods whose index is taken, and pods without one', () => {
    const world = new JobWorld({ ...indexed, completions: 2, parallelism: 2 });
    world.rest();
    const copy = (name: string, annotations: Record<string, string>) => {
      const { generateName: _, uid: __, ...metadata } = world.at(1).metadata;
      world.put(kinds.pods, { ...world.at(1), metadata: { ...metadata, name, annotations } });
    };
    copy('twin', { [completionIndexKey]: '1' });
    copy('stranger', {});
    world.rest();
    expect(world.active).toHaveLength(2);
    expect(world.counters).toEqual({ active: 2 });
    settles(world);
  });

  it('grows and shrinks as a whole', () => {
    const world = new JobWorld({ ...indexed, completions: 2, parallelism: 2 });
    world.rest();
    world.change({ completions: 4, parallelism: 4 });
    world.rest();
    expect(world.active).toHaveLength(4);
    for (const index of [0, 3]) world.succeed(world.at(index));
    world.rest();
    world.change({ completions: 2, parallelism: 2 });
    world.rest();
    expect(world.job.status).toMatchObject({ completedIndexes: '0', succeeded: 1, active: 1 });
    settles(world);
  });
});

describe('a limit by index', () => {
  const limited = { ...indexed, completions: 3, parallelism: 3, backoffLimit: 2 ** 31 - 1, backoffLimitPerIndex: 1 };

  it('carries the failures of an index over to its next pod, and fails the index when there are too many', () => {
    const world = new JobWorld(limited);
    world.rest();
    const count = (index: number) =>
      world.at(index).metadata.annotations?.['batch.kubernetes.io/job-index-failure-count'];
    expect(count(0)).toBe('0');
    world.fail(world.at(0));
    world.rest();
    // It waits for its successor, which has to know of it.
    expect(world.tracked).toHaveLength(3);
    expect(world.see()?.again?.afterMs).toBe(10_000);
    world.nowMs += 10_000;
    world.rest();
    expect(count(0)).toBe('1');
    expect(world.counters).toEqual({ active: 3, failed: 1 });
    world.fail(world.at(0));
    world.rest();
    expect(world.job.status).toMatchObject({ failedIndexes: '0', active: 2, failed: 2 });
    for (const index of [1, 2]) world.succeed(world.at(index));
    world.rest();
    expect(world.conditions).toEqual(['FailureTarget/FailedIndexes', 'Failed/FailedIndexes']);
    expect(world.job.status).toMatchObject({ completedIndexes: '1,2', failedIndexes: '0', succeeded: 2, failed: 2 });
    settles(world);
  });

  it('fails the job when more indexes fail than it allows', () => {
    const world = new JobWorld({ ...limited, backoffLimitPerIndex: 0, maxFailedIndexes: 1 });
    world.rest();
    for (const index of [0, 1]) world.fail(world.at(index));
    world.rest();
    expect(world.conditions).toContain('Failed/MaxFailedIndexesExceeded');
    expect(world.job.status).toMatchObject({ failedIndexes: '0,1', failed: 3 });
    settles(world);
  });

  it('lets later indexes run while earlier ones are held back', () => {
    const world = new JobWorld({ ...limited, parallelism: 1 });
    world.rest();
    world.fail(world.at(0));
    world.rest();
    expect(world.at(1)).toBeDefined();
    settles(world);
  });
});

describe('a policy for failures', () => {
  const rule = (action: string, values: number[]) => ({ action, onExitCodes: { operator: 'In', values } });

  it('fails the job at once', () => {
    const world = new JobWorld({
      completions: 2,
      parallelism: 2,
      podFailurePolicy: { rules: [rule('Ignore', [3]), rule('FailJob', [42])] },
    });
    world.rest();
    const [pod] = world.active;
    if (pod) world.fail(pod, 42);
    world.rest();
    expect(world.conditions).toEqual(['FailureTarget/PodFailurePolicy', 'Failed/PodFailurePolicy']);
    expect(world.told.at(-1)).toBe(
      `Container main for pod shop/${pod?.metadata.name} failed with exit code 42 matching FailJob rule at index 1`,
    );
    settles(world);
  });

  it('does not count what it ignores', () => {
    const world = new JobWorld({
      backoffLimit: 0,
      podFailurePolicy: {
        rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
      },
    });
    world.rest();
    const [pod] = world.active;
    if (pod) world.set(pod, { phase: 'Failed', conditions: [{ type: 'DisruptionTarget', status: 'True' }] });
    world.rest();
    expect(world.conditions).toEqual([]);
    expect(world.tracked).toEqual([]);
    world.nowMs += 10_000;
    world.rest();
    expect(world.counters).toEqual({ active: 1 });
    settles(world);
  });

  it('fails an index at once', () => {
    const world = new JobWorld({
      ...indexed,
      completions: 2,
      parallelism: 2,
      backoffLimit: 2 ** 31 - 1,
      backoffLimitPerIndex: 5,
      podFailurePolicy: { rules: [rule('FailIndex', [42]), rule('Count', [1])] },
    });
    world.rest();
    world.fail(world.at(0), 42);
    world.fail(world.at(1), 1);
    world.rest();
    expect(world.job.status).toMatchObject({ failedIndexes: '0', failed: 1 });
    world.nowMs += 10_000;
    world.rest();
    expect(world.active).toHaveLength(1);
    settles(world);
  });
});

describe('a policy for success', () => {
  it.each([
    [{ succeededIndexes: '1,2' }, [1, 2]],
    [{ succeededCount: 1 }, [3]],
    [{ succeededIndexes: '0-2', succeededCount: 1 }, [2]],
  ])('%j is met by %j: the rest is stopped and counts neither way', (rule, succeeding) => {
    const world = new JobWorld({
      ...indexed,
      completions: 4,
      parallelism: 4,
      successPolicy: { rules: [{ succeededIndexes: '0,3' }, rule] },
    });
    world.rest();
    for (const index of succeeding) world.succeed(world.at(index));
    world.see();
    expect(world.conditions).toEqual(['SuccessCriteriaMet/SuccessPolicy']);
    world.rest();
    expect(world.conditions).toEqual(['SuccessCriteriaMet/SuccessPolicy', 'Complete/SuccessPolicy']);
    expect(world.job.status?.conditions?.at(-1)?.message).toBe('Matched rules at index 1');
    expect(world.counters).toEqual({ succeeded: succeeding.length });
    expect(world.pods).toHaveLength(succeeding.length);
    settles(world);
  });
});

describe('pods that come and go', () => {
  it('adopts what matches and runs, and releases what no longer matches', () => {
    const world = new JobWorld({ manualSelector: true });
    world.put(kinds.pods, aPod({ name: 'orphan', labels: { job: 'work' } }));
    world.rest();
    expect(world.counters).toEqual({ active: 1 });
    expect(world.get(kinds.pods, 'shop/orphan')?.metadata).toMatchObject({
      finalizers: [trackingFinalizer],
      ownerReferences: [{ kind: 'Job', name: 'work' }],
    });
    const orphan = world.get(kinds.pods, 'shop/orphan');
    if (orphan) world.put(kinds.pods, { ...orphan, metadata: { ...orphan.metadata, labels: {} } });
    world.rest();
    const released = world.get(kinds.pods, 'shop/orphan')?.metadata;
    expect([released?.ownerReferences, released?.finalizers]).toEqual([undefined, undefined]);
    expect(world.counters).toEqual({ active: 1 });
    settles(world);
  });

  it('takes its finalizer off all pods when it is deleted, and off those of a job that is gone', () => {
    const world = new JobWorld({ parallelism: 2, completions: 2 });
    world.rest();
    const tracked = world.pods;
    world.put(kinds.jobs, {
      ...world.job,
      metadata: { ...world.job.metadata, deletionTimestamp: formatTime(world.nowMs) },
    });
    world.rest();
    expect(world.tracked).toEqual([]);
    expect(world.active).toHaveLength(2);
    settles(world);
    for (const pod of tracked) world.put(kinds.pods, pod);
    world.remove(kinds.jobs, jobKey);
    const steps = planGoneJob(jobKey, world);
    expect(steps).toMatchObject([{ op: 'patch', whileGone: { name: 'work' } }, { op: 'patch' }]);
    for (const step of steps) world.apply(step);
    expect(world.tracked).toEqual([]);
  });

  it('does not count a pod as gone that an old view of the pods may not show yet', () => {
    const world = new JobWorld();
    world.rest();
    const [pod] = world.active;
    const uid = pod?.metadata.uid ?? '';
    world.remove(kinds.pods, `shop/${pod?.metadata.name}`);
    world.put(kinds.jobs, {
      ...world.job,
      status: { ...world.job.status, uncountedTerminatedPods: { succeeded: [uid] } },
    });
    expect(world.see()?.again?.afterMs).toBe(1000);
    expect(world.job.status?.succeeded).toBeUndefined();
    // Any later change of any pod tells that the view has caught up.
    world.put(kinds.pods, aPod({ name: 'other', labels: {} }));
    world.rest();
    expect(world.counters).toEqual({ succeeded: 1 });
  });

  it('lets go of tracked pods of a former job of the same name', () => {
    const world = new JobWorld();
    const former = { ...world.job, metadata: { ...world.job.metadata, uid: 'former' } };
    const metadata = {
      name: 'late',
      finalizers: [trackingFinalizer],
      ownerReferences: [controllerReferenceTo(former)],
    };
    world.put(kinds.pods, aPod({ metadata: { namespace: 'shop', labels: { job: 'work' }, ...metadata } }));
    world.rest();
    expect(world.get(kinds.pods, 'shop/late')?.metadata.finalizers).toBeUndefined();
    expect(world.counters).toEqual({ active: 1 });
  });
});
