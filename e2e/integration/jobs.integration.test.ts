/** Jobs and cron jobs on the real server: what upstream's conformance names ask of them, and what crashes leave behind. */
import type { Job, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import { systemClock } from '@slipway/kit/clock';
import { addNodes, type ControlPlane, startControlPlane } from './control-plane.ts';
import { eventually } from '../harness/eventually.ts';
import { type Fate, startJobAgent } from './job-agent.ts';

const indexAnnotation = 'batch.kubernetes.io/job-completion-index';
const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
const indexOf = (pod: Pod) => Number(pod.metadata.annotations?.[indexAnnotation]);

describe('jobs on the real API server', () => {
  let plane: ControlPlane;
  let stopAgent: () => Promise<void>;
  /** By namespace: what becomes of its pods. */
  const fates = new Map<string, (pod: Pod) => Fate>();
  /** How far the controllers' clock is ahead. */
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };

  beforeAll(async () => {
    plane = await startControlPlane({ controllerClock: clock });
    stopAgent = startJobAgent(plane, (pod) => fates.get(pod.metadata.namespace ?? '')?.(pod) ?? 'succeeds');
    await addNodes(plane, ['n0', 'n1']);
  });

  afterAll(async () => {
    await stopAgent();
    await plane.stop();
  });

  let counter = 0;
  async function aNamespace(fateOf?: (pod: Pod) => Fate): Promise<string> {
    const name = `jobs-${++counter}`;
    if (fateOf) fates.set(name, fateOf);
    const { client, signal } = plane;
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} };
    await client.create(kinds.namespaces, namespace, { signal });
    await plane.until(kinds.serviceAccounts, { namespace: name, name: 'default' }, (account) => account !== undefined);
    return name;
  }

  const spec = (more: Partial<Job['spec']>): Job['spec'] => ({
    template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work:1' }] } },
    ...more,
  });
  async function aJob(namespace: string, more: Partial<Job['spec']> = {}): Promise<Job> {
    const job: Job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { namespace, name: 'work' }, spec: spec(more) };
    return plane.client.create(kinds.jobs, job, { signal: plane.signal });
  }
  const holds = (type: string) => (job: Job | undefined) =>
    job?.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
  async function ended(namespace: string, type: 'Complete' | 'Failed'): Promise<Job['status']> {
    const job = await plane.until(kinds.jobs, { namespace, name: 'work' }, holds(type));
    return job?.status;
  }
  const podsIn = (namespace: string) => plane.manager.caches.inNamespace(kinds.pods, namespace);
  const reasons = (status: Job['status']) => status?.conditions?.map(({ type, reason }) => `${type}/${reason}`);
  const indexed = { completionMode: 'Indexed' };

  it('runs as many pods as are to succeed, not more at once than allowed, and holds none when it is done', async () => {
    const namespace = await aNamespace();
    let most = 0;
    const stop = plane.manager.caches.of(kinds.pods).subscribe(() => {
      const active = podsIn(namespace).filter(
        ({ status }) => status?.phase === 'Pending' || status?.phase === 'Running',
      );
      most = Math.max(most, active.length);
    });
    await aJob(namespace, { completions: 20, parallelism: 4 });
    const status = await ended(namespace, 'Complete');
    stop();
    expect(status).toMatchObject({ succeeded: 20, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
    expect(reasons(status)).toEqual(['SuccessCriteriaMet/CompletionsReached', 'Complete/CompletionsReached']);
    expect(most).toBeLessThanOrEqual(4);
    expect(podsIn(namespace)).toHaveLength(20);
    expect(podsIn(namespace).filter(({ metadata }) => metadata.finalizers?.includes(trackingFinalizer))).toEqual([]);
    await toldOf(namespace, 'Completed', 1);
  });

  it('gives the pods of an indexed job their index and a host name with it', async () => {
    const namespace = await aNamespace();
    await aJob(namespace, { ...indexed, completions: 4, parallelism: 4 });
    expect(await ended(namespace, 'Complete')).toMatchObject({ completedIndexes: '0-3', succeeded: 4 });
    const pods = podsIn(namespace).toSorted((a, b) => indexOf(a) - indexOf(b));
    expect(pods.map(({ spec: { hostname } }) => hostname)).toEqual(['work-0', 'work-1', 'work-2', 'work-3']);
    expect(pods[2]?.metadata.name).toMatch(/^work-2-\w{5}$/);
    expect(pods[2]?.spec.containers[0]?.env?.[0]).toMatchObject({
      name: 'JOB_COMPLETION_INDEX',
      valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${indexAnnotation}']` } },
    });
  });

  it('fails at an exit code that its policy names, without trying again', async () => {
    const namespace = await aNamespace(() => ({ exits: 42 }));
    const rule = { action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } };
    await aJob(namespace, { backoffLimit: 5, podFailurePolicy: { rules: [rule] } });
    const status = await ended(namespace, 'Failed');
    expect(status).toMatchObject({ failed: 1, ready: 0 });
    expect(reasons(status)).toEqual(['FailureTarget/PodFailurePolicy', 'Failed/PodFailurePolicy']);
    expect(status?.conditions?.at(-1)?.message).toMatch(
      new RegExp(
        `^Container main for pod ${namespace}/work-\\w{5} failed with exit code 42 matching FailJob rule at index 0$`,
      ),
    );
  });

  it('does not count disrupted pods where its policy ignores them', async () => {
    const disrupted = new Set<string>();
    const namespace = await aNamespace(({ metadata: { uid = '' } }) => {
      if (disrupted.size < 1) disrupted.add(uid);
      return disrupted.has(uid) ? 'is disrupted' : 'succeeds';
    });
    const rule = { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] };
    await aJob(namespace, { backoffLimit: 0, podFailurePolicy: { rules: [rule] } });
    await plane.until(kinds.jobs, { namespace, name: 'work' }, () =>
      podsIn(namespace).some(({ status, metadata }) => status?.phase === 'Failed' && !metadata.finalizers?.length),
    );
    // The next pod waits for its back-off; the clock does not.
    aheadMs += 10_000;
    await touch(namespace);
    expect(await ended(namespace, 'Complete')).toMatchObject({ succeeded: 1 });
    expect((await ended(namespace, 'Complete'))?.failed).toBeUndefined();
  });

  async function touch(namespace: string): Promise<void> {
    const patch = { metadata: { annotations: { touched: String(aheadMs) } } };
    await plane.client.patch(kinds.jobs, { namespace, name: 'work' }, patch, { signal: plane.signal });
  }

  it('fails an index at an exit code that its policy names, and goes on with the others', async () => {
    const namespace = await aNamespace((pod) => (indexOf(pod) % 2 ? { exits: 42 } : 'succeeds'));
    const rule = { action: 'FailIndex', onExitCodes: { operator: 'In', values: [42] } };
    const limits = { backoffLimitPerIndex: 3, podFailurePolicy: { rules: [rule] } };
    await aJob(namespace, { ...indexed, completions: 4, parallelism: 2, ...limits });
    const status = await ended(namespace, 'Failed');
    expect(status).toMatchObject({ completedIndexes: '0,2', failedIndexes: '1,3', succeeded: 2, failed: 2 });
    expect(reasons(status)).toEqual(['FailureTarget/FailedIndexes', 'Failed/FailedIndexes']);
  });

  it('stops when more indexes have failed than it allows', async () => {
    const namespace = await aNamespace((pod) => (indexOf(pod) < 2 ? { exits: 1 } : 'runs'));
    const limits = { backoffLimitPerIndex: 0, maxFailedIndexes: 1 };
    await aJob(namespace, { ...indexed, completions: 4, parallelism: 4, ...limits });
    const status = await ended(namespace, 'Failed');
    expect(status).toMatchObject({ failedIndexes: '0,1', failed: 4, terminating: 0 });
    expect(reasons(status)).toEqual(['FailureTarget/MaxFailedIndexesExceeded', 'Failed/MaxFailedIndexesExceeded']);
  });

  it.each([
    ['all indexes', { succeededIndexes: '0-3' }, [0, 1, 2, 3], '0-3'],
    ['some indexes', { succeededIndexes: '1,2' }, [1, 2], '1,2'],
    ['a number of indexes', { succeededCount: 2 }, [1, 3], '1,3'],
  ])('succeeds by its policy with %s', async (_, rule, succeeding, completedIndexes) => {
    const namespace = await aNamespace((pod) => (succeeding.includes(indexOf(pod)) ? 'succeeds' : 'runs'));
    await aJob(namespace, { ...indexed, completions: 4, parallelism: 4, successPolicy: { rules: [rule] } });
    const status = await ended(namespace, 'Complete');
    expect(status).toMatchObject({ completedIndexes, succeeded: succeeding.length, terminating: 0 });
    expect(status?.failed).toBeUndefined();
    expect(reasons(status)).toEqual(['SuccessCriteriaMet/SuccessPolicy', 'Complete/SuccessPolicy']);
  });

  it('completes though its containers fail now and then and are restarted in place', async () => {
    const restarted = new Set<string>();
    const namespace = await aNamespace(({ metadata: { uid = '' }, status }) => {
      if (status?.containerStatuses?.[0]?.restartCount) return 'succeeds';
      restarted.add(uid);
      return { restarts: 1 };
    });
    const template = { spec: { restartPolicy: 'OnFailure', containers: [{ name: 'main', image: 'work:1' }] } };
    await aJob(namespace, { completions: 4, parallelism: 2, template });
    expect(await ended(namespace, 'Complete')).toMatchObject({ succeeded: 4 });
    expect(restarted.size).toBe(4);
  });

  it('takes a matching pod that nobody owns, and gives up one that matches no longer', async () => {
    const namespace = await aNamespace(() => 'runs');
    const { client, signal } = plane;
    await aJob(namespace, { completions: 2, parallelism: 2 });
    const started = await plane.until(kinds.jobs, { namespace, name: 'work' }, (job) => job?.status?.ready === 2);
    const [pod] = podsIn(namespace);
    const ref = { namespace, name: pod?.metadata.name ?? '' };
    await client.patch(kinds.pods, ref, { metadata: { ownerReferences: null } }, { signal });
    const isOwned = (found: Pod | undefined) =>
      found?.metadata.ownerReferences?.[0]?.uid === started?.metadata.uid &&
      found?.metadata.finalizers?.includes(trackingFinalizer) === true;
    await plane.until(kinds.pods, ref, isOwned);
    await client.patch(kinds.pods, ref, { metadata: { labels: null } }, { signal });
    const released = await plane.until(kinds.pods, ref, (found) => !found?.metadata.ownerReferences?.length);
    expect(released?.metadata.finalizers).toBeUndefined();
    await plane.until(kinds.jobs, { namespace, name: 'work' }, (job) => job?.status?.active === 2);
  });

  it('is suspended and goes on, each told once', async () => {
    const namespace = await aNamespace(() => 'runs');
    const { client, signal } = plane;
    const ref = { namespace, name: 'work' };
    await aJob(namespace, { completions: 2, parallelism: 2 });
    await plane.until(kinds.jobs, ref, (job) => job?.status?.ready === 2);
    await client.patch(kinds.jobs, ref, { spec: { suspend: true } }, { signal });
    const suspended = await plane.until(kinds.jobs, ref, (job) => holds('Suspended')(job) && !job?.status?.terminating);
    expect(suspended?.status?.startTime).toBeUndefined();
    expect(suspended?.status?.failed).toBeUndefined();
    // It may move to other nodes meanwhile.
    const nodeSelector = { spec: { template: { spec: { nodeSelector: { 'kubernetes.io/hostname': 'n1' } } } } };
    await client.patch(kinds.jobs, ref, nodeSelector, { signal });
    await client.patch(kinds.jobs, ref, { spec: { suspend: false } }, { signal });
    const resumed = await plane.until(kinds.jobs, ref, (job) => job?.status?.ready === 2);
    expect(resumed?.status?.startTime).toBeDefined();
    expect(podsIn(namespace).map(({ spec: { nodeName } }) => nodeName)).toEqual(['n1', 'n1']);
    await toldOf(namespace, 'Suspended', 1);
    await toldOf(namespace, 'Resumed', 1);
  });

  it('lets its pods go when it is deleted, in the background or the foreground', async () => {
    const { client, signal } = plane;
    for (const propagationPolicy of ['Background', 'Foreground'] as const) {
      const namespace = await aNamespace(() => 'runs');
      const ref = { namespace, name: 'work' };
      await aJob(namespace, { completions: 2, parallelism: 2 });
      await plane.until(kinds.jobs, ref, (job) => job?.status?.ready === 2);
      const pods = podsIn(namespace);
      await client.delete(kinds.jobs, ref, { signal, propagationPolicy });
      await plane.until(kinds.jobs, ref, (job) => job === undefined);
      for (const { metadata } of pods) {
        await plane.until(kinds.pods, { namespace, name: metadata.name ?? '' }, (pod) => pod === undefined);
      }
    }
  });

  it('goes after its time when it is finished', async () => {
    const namespace = await aNamespace();
    await aJob(namespace, { ttlSecondsAfterFinished: 1800 });
    await ended(namespace, 'Complete');
    aheadMs += 1_800_000;
    await touch(namespace);
    await plane.until(kinds.jobs, { namespace, name: 'work' }, (job) => job === undefined);
    expect(podsIn(namespace)).toEqual([]);
  });

  describe('made by a cron job', () => {
    async function aCronJob(
      namespace: string,
      concurrencyPolicy: string,
      name = 'tick',
      suspend = false,
    ): Promise<void> {
      await plane.client.create(
        kinds.cronJobs,
        {
          apiVersion: 'batch/v1',
          kind: 'CronJob',
          metadata: { namespace, name },
          spec: { schedule: '*/1 * * * *', suspend, concurrencyPolicy, jobTemplate: { spec: spec({}) } },
        },
        { signal: plane.signal },
      );
    }
    const jobsIn = (namespace: string) => plane.manager.caches.inNamespace(kinds.jobs, namespace);
    /** The clock goes on to the next minute, and the controller looks at it. */
    async function aMinuteLater(namespace: string, name = 'tick'): Promise<void> {
      aheadMs += 60_000 - (clock.nowMs() % 60_000);
      const patch = { metadata: { annotations: { touched: String(aheadMs) } } };
      await plane.client.patch(kinds.cronJobs, { namespace, name }, patch, { signal: plane.signal });
    }
    const untilLists = (namespace: string, least: number) =>
      plane.until(
        kinds.cronJobs,
        { namespace, name: 'tick' },
        (found) => (found?.status?.active?.length ?? 0) >= least,
      );

    it('run beside each other, and are told and forgotten when they end', async () => {
      let fate: Fate = 'runs';
      const namespace = await aNamespace(() => fate);
      const ref = { namespace, name: 'tick' };
      await aCronJob(namespace, 'Allow');
      await aMinuteLater(namespace);
      await untilLists(namespace, 1);
      await aMinuteLater(namespace);
      await untilLists(namespace, 2);
      await plane.until(kinds.pods, ref, () => podsIn(namespace).length >= 2);
      await plane.client.patch(kinds.cronJobs, ref, { spec: { suspend: true } }, { signal: plane.signal });
      fate = 'succeeds';
      for (const { metadata } of podsIn(namespace)) {
        const pod = { namespace, name: metadata.name ?? '' };
        await plane.client.patch(kinds.pods, pod, { metadata: { labels: { go: 'on' } } }, { signal: plane.signal });
      }
      const done = await plane.until(kinds.cronJobs, ref, (found) => found?.status?.active === undefined);
      expect(done?.status?.lastSuccessfulTime).toBeDefined();
      expect(done?.status?.lastScheduleTime).toBeDefined();
      await toldOf(namespace, 'SawCompletedJob', jobsIn(namespace).length);
    });

    it('wait for each other where it forbids them to run at once', async () => {
      const namespace = await aNamespace(() => 'runs');
      await aCronJob(namespace, 'Forbid');
      await aMinuteLater(namespace);
      await untilLists(namespace, 1);
      await aMinuteLater(namespace);
      await toldOf(namespace, 'JobAlreadyActive', 1);
      expect(jobsIn(namespace)).toHaveLength(1);
    });

    it('replace each other where it says so', async () => {
      const namespace = await aNamespace(() => 'runs');
      await aCronJob(namespace, 'Replace');
      await aMinuteLater(namespace);
      const first = (await untilLists(namespace, 1))?.status?.active?.[0];
      await aMinuteLater(namespace);
      await plane.until(
        kinds.cronJobs,
        { namespace, name: 'tick' },
        (found) => found?.status?.active?.length === 1 && found.status.active[0]?.uid !== first?.uid,
      );
      await plane.until(kinds.jobs, { namespace, name: first?.name ?? '' }, (job) => job === undefined);
      expect(jobsIn(namespace)).toHaveLength(1);
    });

    it('do not come while it is suspended', async () => {
      const namespace = await aNamespace(() => 'runs');
      await aCronJob(namespace, 'Allow', 'tick', true);
      await aCronJob(namespace, 'Allow', 'tock');
      await aMinuteLater(namespace);
      await aMinuteLater(namespace, 'tock');
      await plane.until(kinds.jobs, { namespace, name: '' }, () => jobsIn(namespace).length > 0);
      expect(jobsIn(namespace).filter(({ metadata }) => metadata.name?.startsWith('tick'))).toEqual([]);
    });
  });

  /** Events are written behind what they tell of. */
  function toldOf(namespace: string, reason: string, times: number): Promise<void> {
    return eventually(`${times} events ${reason}`, async () => {
      const { items } = await plane.client.list(kinds.events, { namespace, signal: plane.signal });
      expect(items.filter((event) => event.reason === reason)).toHaveLength(times);
    });
  }
});
