/** What Jobs and CronJobs allow over their lives. The Jobs here are managed by nobody, so that no controller writes between the lines. */
import { useTarget } from './target.ts';

const target = useTarget();
const jobs = () => `/apis/batch/v1/namespaces/${target.namespace}/jobs`;
const cronJobs = () => `/apis/batch/v1/namespaces/${target.namespace}/cronjobs`;
const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } };
const started = '2026-01-01T00:00:00Z';
const ended = '2026-01-01T01:00:00Z';
const mark = (type: string, status = 'True') => ({ type, status });

async function aJob(spec: object = {}, status?: object): Promise<string> {
  const made = await target.admin.made(jobs(), {
    metadata: { generateName: 'job-' },
    spec: { managedBy: 'example.com/nobody', template, ...spec },
  });
  const path = `${jobs()}/${made.metadata.name}`;
  if (status) expect((await target.admin.merge(`${path}/status`, { status })).code).toBe(200);
  return path;
}
const indexed = { completionMode: 'Indexed', completions: 5, parallelism: 3 };

describe('the status of a job', () => {
  it('takes conditions of others, and is read and written on its own endpoint', async () => {
    const path = await aJob();
    const custom = { ...mark('Custom'), reason: 'Test', message: 'by hand', lastTransitionTime: started };
    const patched = await target.admin.merge(`${path}/status`, { status: { conditions: [custom], active: 1 } });
    expect([patched.code, patched.body.status]).toEqual([200, expect.objectContaining({ active: 1 })]);
    const read = await target.admin.read(`${path}/status`);
    expect(read.status).toMatchObject({ conditions: [custom] });
    const replaced = await target.admin.put(`${path}/status`, { ...read, status: { active: 2 } });
    expect(replaced.body.status).toMatchObject({ active: 2 });
  });

  const refusals: readonly [string, object, object | undefined, object, string][] = [
    [
      'complete without the interim condition',
      {},
      { startTime: started },
      { completionTime: ended, conditions: [mark('Complete')] },
      'without the SuccessCriteriaMet=true condition',
    ],
    [
      'failed without the interim condition',
      {},
      { startTime: started },
      { conditions: [mark('Failed')] },
      'without the FailureTarget=true condition',
    ],
    [
      'finished without a start',
      {},
      undefined,
      { conditions: [mark('FailureTarget'), mark('Failed')] },
      'status.startTime: Required value: startTime is required for finished job',
    ],
    [
      'finished with pods that run',
      {},
      { startTime: started },
      { active: 1, conditions: [mark('FailureTarget'), mark('Failed')] },
      'active>0 is invalid for finished job',
    ],
    [
      'finished with pods that end',
      {},
      { startTime: started },
      { terminating: 1, conditions: [mark('FailureTarget'), mark('Failed')] },
      'terminating>0 is invalid for finished job',
    ],
    [
      'finished with pods not counted',
      {},
      { startTime: started },
      { uncountedTerminatedPods: { failed: ['a'] }, conditions: [mark('FailureTarget'), mark('Failed')] },
      'uncountedTerminatedPods needs to be empty for finished job',
    ],
    [
      'successful and failing',
      {},
      undefined,
      { conditions: [mark('SuccessCriteriaMet'), mark('FailureTarget')] },
      'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions',
    ],
    [
      'no longer failing',
      {},
      { conditions: [mark('FailureTarget')] },
      { conditions: [mark('FailureTarget', 'False')] },
      'cannot disable the terminal FailureTarget=True condition',
    ],
    [
      'no longer successful',
      {},
      { conditions: [mark('SuccessCriteriaMet')] },
      { conditions: [] },
      'cannot disable the SuccessCriteriaMet=True condition',
    ],
    [
      'fewer failures',
      {},
      { failed: 2 },
      { failed: 1 },
      'status.failed: Invalid value: 1: cannot decrease the failed counter',
    ],
    ['fewer successes', {}, { succeeded: 2 }, { succeeded: 1 }, 'cannot decrease the succeeded counter'],
    [
      'more ready than active',
      {},
      { active: 1 },
      { ready: 2 },
      'status.ready: Invalid value: 2: cannot set more ready pods than active',
    ],
    [
      'a pod counted twice',
      {},
      undefined,
      { uncountedTerminatedPods: { succeeded: ['a'], failed: ['a'] } },
      'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
    ],
    [
      'an end before it is complete',
      {},
      { startTime: started },
      { completionTime: ended },
      'cannot set completionTime when there is no Complete=True condition',
    ],
    [
      'an end before the start',
      {},
      { startTime: ended },
      { completionTime: started, conditions: [mark('SuccessCriteriaMet'), mark('Complete')] },
      'completionTime cannot be set before startTime',
    ],
    [
      'no start any more',
      {},
      { startTime: started },
      { startTime: null },
      'startTime cannot be removed for unsuspended job',
    ],
    [
      'indexes where there are none',
      {},
      undefined,
      { completedIndexes: '0' },
      'cannot set non-empty completedIndexes when non-indexed completion mode',
    ],
    [
      'indexes beyond the last',
      indexed,
      undefined,
      { completedIndexes: '0-7' },
      'error parsing completedIndexes: too large index: "7"',
    ],
    [
      'failed indexes without a limit for them',
      indexed,
      undefined,
      { failedIndexes: '0' },
      'cannot set non-null failedIndexes when backoffLimitPerIndex is null',
    ],
    [
      'an index that failed and succeeded',
      { ...indexed, backoffLimitPerIndex: 1 },
      { completedIndexes: '0-2' },
      { failedIndexes: '1,4' },
      'failedIndexes and completedIndexes overlap at index: 1',
    ],
  ];

  it.each(refusals)('refuses: %s', async (_, spec, before, after, message) => {
    const path = await aJob(spec, before);
    const { code, body } = await target.admin.merge(`${path}/status`, { status: after });
    expect([code, body.message]).toEqual([422, expect.stringContaining(message)]);
  });

  it('goes its way to the end, and stays there', async () => {
    const path = await aJob({ parallelism: 1 }, { startTime: started, active: 1, ready: 1 });
    const steps = [
      { active: 0, ready: 0, conditions: [mark('SuccessCriteriaMet')], uncountedTerminatedPods: { succeeded: ['a'] } },
      { succeeded: 1, uncountedTerminatedPods: { succeeded: null } },
      { completionTime: ended, conditions: [mark('SuccessCriteriaMet'), mark('Complete')] },
    ];
    for (const status of steps) {
      const { code, body } = await target.admin.merge(`${path}/status`, { status });
      expect([code, body.message]).toEqual([200, undefined]);
    }
    const moved = await target.admin.merge(`${path}/status`, { status: { completionTime: '2026-01-01T02:00:00Z' } });
    expect(moved.body.message).toContain('completionTime cannot be mutated');
    const back = await target.admin.merge(`${path}/status`, { status: { completionTime: null, conditions: [] } });
    expect(back.body.message).toContain('cannot disable the terminal Complete=True condition');
  });

  it('loses successes where an indexed job shrinks as a whole', async () => {
    const path = await aJob({ ...indexed, parallelism: 5 }, { completedIndexes: '0-4', succeeded: 5 });
    expect((await target.admin.merge(path, { spec: { completions: 2, parallelism: 2 } })).code).toBe(200);
    const { code } = await target.admin.merge(`${path}/status`, { status: { completedIndexes: '0,1', succeeded: 2 } });
    expect(code).toBe(200);
  });
});

describe('the template of a job', () => {
  const resources = (cpu: string) => ({
    spec: { template: { spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }] } } },
  });
  const nodeSelector = { spec: { template: { spec: { nodeSelector: { zone: 'a' } } } } };

  it('may change its resources and its place while the job is suspended and nothing runs', async () => {
    const path = await aJob({ suspend: true });
    expect((await target.admin.merge(path, resources('2'))).code).toBe(200);
    expect((await target.admin.merge(path, nodeSelector)).code).toBe(200);
    const image = { spec: { template: { spec: { containers: [{ name: 'c', image: 'other' }] } } } };
    expect((await target.admin.merge(path, image)).body.message).toContain('spec.template: Invalid value: ');
  });

  it('may change again when the job has been suspended after its start', async () => {
    const path = await aJob({ suspend: true }, { startTime: started });
    expect((await target.admin.merge(path, nodeSelector)).body.message).toContain('field is immutable');
    const suspended = { conditions: [mark('Suspended')] };
    await target.admin.merge(`${path}/status`, { status: { ...suspended, active: 1 } });
    expect((await target.admin.merge(path, resources('2'))).body.message).toContain('field is immutable');
    await target.admin.merge(`${path}/status`, { status: { ...suspended, active: 0 } });
    expect((await target.admin.merge(path, resources('2'))).code).toBe(200);
  });

  it('is warned of where a job is too large to be tracked', async () => {
    const large = { completionMode: 'Indexed', completions: 100_001, parallelism: 10_001 };
    const spec = { suspend: true, template, ...large };
    const { warnings } = await target.admin.post(jobs(), { metadata: { name: 'large' }, spec });
    expect(warnings).toEqual([expect.stringContaining('might not be able to track completedIndexes')]);
  });
});

describe('jobs and cron jobs', () => {
  it.each([
    ['jobs', jobs, { suspend: true, template }, { parallelism: 2 }],
    [
      'cronjobs',
      cronJobs,
      { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: { template } } },
      { schedule: '@daily' },
    ],
  ])('%s are made, listed, watched, changed and deleted together', async (_, path, spec, change) => {
    const { admin } = target;
    const labels = { lives: 'once' };
    const names = ['one', 'two'];
    for (const name of names) await admin.made(path(), { metadata: { name, labels }, spec });
    const list = await admin.read(`${path()}?labelSelector=lives%3Donce`);
    expect(list.items.map(({ metadata }) => metadata.name)).toEqual(names);
    const watch = await admin.watch(
      `${path()}?labelSelector=lives%3Donce&resourceVersion=${list.metadata.resourceVersion}`,
    );
    const patched = await admin.merge(`${path()}/one`, { metadata: { annotations: { patched: 'yes' } } });
    expect(patched.body.metadata.annotations).toMatchObject({ patched: 'yes' });
    const current = await admin.read(`${path()}/one`);
    const replaced = await admin.put(`${path()}/one`, { ...current, spec: { ...current.spec, ...change } });
    expect(replaced.body.spec).toMatchObject(change);
    expect(replaced.body.metadata.generation).toBe((current.metadata.generation ?? 0) + 1);
    await admin.request('DELETE', `${path()}?labelSelector=lives%3Donce`, {
      body: { propagationPolicy: 'Background' },
    });
    const deleted = (await watch.take(4)).filter(({ type }) => type === 'DELETED');
    expect(deleted.map(({ object }) => object.metadata.name).toSorted()).toEqual(names);
    watch.close();
  });

  it('warn of a name that no pod can have, and refuse a zone in the schedule', async () => {
    const spec = { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: { template } } };
    const { warnings } = await target.admin.post(cronJobs(), { metadata: { name: 'dotted.name' }, spec });
    expect(warnings).toEqual([expect.stringMatching(/^metadata.name: this is used in Pod names and hostnames/)]);
    const zoned = { ...spec, schedule: 'CRON_TZ=UTC 0 0 1 1 *', timeZone: 'UTC' };
    const { body } = await target.admin.post(cronJobs(), { metadata: { name: 'zoned' }, spec: zoned });
    expect(body.message).toContain('cannot use TZ or CRON_TZ in schedule, use timeZone field instead');
  });
});
