/** What people do with kubectl to jobs and cron jobs, with real containers, and what they read there. */
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { kubectlEnds } from '../harness/kubectl.ts';
import { containerNeeds, loadExampleImage } from '../harness/images.ts';

const image = 'localhost/web:1';
const container = (script: string) => ({ name: 'main', image, command: ['sh', '-c', script] });
const job = (name: string, spec: object, script: string) =>
  JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: {
      ...spec,
      template: { spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [container(script)] } },
    },
  });

describeWith(missingCapability(containerNeeds), 'jobs', () => {
  let cluster: Cluster;
  const kubectl = (args: readonly string[], input?: string) =>
    cluster.kubectl(args, input === undefined ? {} : { input });

  beforeAll(async () => {
    cluster = await newCluster();
    await cluster.up();
    await loadExampleImage(cluster, image);
  });

  afterAll(() => cluster.remove());

  it('run once, are waited for, read and described, by kubectl of every age', async () => {
    await kubectl(['create', 'job', 'hello', `--image=${image}`, '--', 'echo', 'Hello.']);
    expect(await kubectl(['wait', '--for=condition=complete', 'job/hello', '--timeout=60s'])).toContain(
      'condition met',
    );
    expect(await kubectl(['logs', 'job/hello'])).toBe('Hello.\n');
    for (const program of kubectlEnds()) {
      const got = await cluster.kubectlWith(program, ['get', 'job', 'hello']);
      expect(got.stdout).toMatch(/hello +Complete +1\/1 +\d+s/);
      const described = await cluster.kubectlWith(program, ['describe', 'job', 'hello']);
      expect(described.stdout).toMatch(/Pods Statuses: +0 Active \(0 Ready\) \/ 1 Succeeded \/ 0 Failed/);
      expect(described.stdout).toMatch(/Normal +SuccessfulCreate +.*job-controller +Created pod: hello-\w{5}/);
      expect(described.stdout).toMatch(/Normal +Completed +.*job-controller +Job completed/);
    }
    expect(await kubectl(['get', 'pod', '-l', 'job-name=hello'])).toMatch(/hello-\w{5} +0\/1 +Completed/);
  });

  it('know their index by variable and host name, and say which of them failed', async () => {
    const spec = { completionMode: 'Indexed', completions: 3, parallelism: 3, backoffLimitPerIndex: 0 };
    const script = 'echo $JOB_COMPLETION_INDEX is $(hostname); [ $JOB_COMPLETION_INDEX != 1 ]';
    await kubectl(['create', '-f', '-'], job('rows', spec, script));
    await kubectl(['wait', '--for=condition=failed', 'job/rows', '--timeout=60s']);
    const logs = await kubectl(['logs', '-l', 'job-name=rows']);
    expect(logs.trim().split('\n').toSorted()).toEqual(['0 is rows-0', '1 is rows-1', '2 is rows-2']);
    const status = JSON.parse(await kubectl(['get', 'job', 'rows', '-o', 'jsonpath={.status}']));
    expect(status).toMatchObject({ completedIndexes: '0,2', failedIndexes: '1', succeeded: 2, failed: 1 });
  });

  it('fail at an exit code that their policy names, and at their deadline', async () => {
    const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }];
    await kubectl(['create', '-f', '-'], job('strict', { podFailurePolicy: { rules } }, 'exit 42'));
    await kubectl(['create', '-f', '-'], job('slow', { activeDeadlineSeconds: 1 }, 'sleep 600'));
    await kubectl(['wait', '--for=condition=failed', 'job/strict', 'job/slow', '--timeout=60s']);
    expect(await kubectl(['describe', 'job', 'strict'])).toMatch(
      /Warning +PodFailurePolicy +.*Container main for pod default\/strict-\w{5} failed with exit code 42/,
    );
    expect(await kubectl(['describe', 'job', 'slow'])).toMatch(
      /Warning +DeadlineExceeded +.*Job was active longer than specified deadline/,
    );
  });

  it('are suspended, go on, and go when their time is over, with their pods', async () => {
    const spec = { suspend: true, ttlSecondsAfterFinished: 1 };
    await kubectl(['create', '-f', '-'], job('later', spec, 'sleep 1'));
    await eventually('the job to be suspended', async () =>
      expect(await kubectl(['get', 'job', 'later'])).toMatch(/later +Suspended +0\/1/),
    );
    await kubectl(['patch', 'job', 'later', '-p', '{"spec":{"suspend":false}}']);
    await kubectl(['wait', '--for=delete', 'job/later', '--timeout=60s']);
    expect(await kubectl(['get', 'pod', '-l', 'job-name=later', '-o', 'name'])).toBe('');
  });

  it('are made by hand from a cron job, and go with it', async () => {
    await kubectl(['create', 'cronjob', 'tick', `--image=${image}`, '--schedule=0 0 1 1 *', '--', 'date']);
    expect(await kubectl(['get', 'cronjob', 'tick'])).toMatch(/tick +0 0 1 1 \* +<none> +False +0 +<none>/);
    expect(await kubectl(['create', 'job', 'by-hand', '--from=cronjob/tick'])).toBe('job.batch/by-hand created\n');
    await kubectl(['wait', '--for=condition=complete', 'job/by-hand', '--timeout=60s']);
    expect(await kubectl(['describe', 'cronjob', 'tick'])).toMatch(
      /Last Schedule Time: +<unset>[\s\S]*Events: +<none>/,
    );
    await kubectl(['delete', 'cronjob', 'tick']);
    await kubectl(['wait', '--for=delete', 'job/by-hand', '--timeout=60s']);
  });

  it('leave no pod behind when they are deleted', async () => {
    await kubectl(['create', '-f', '-'], job('long', { completions: 2, parallelism: 2 }, 'sleep 600'));
    await kubectl(['wait', '--for=jsonpath={.status.ready}=2', 'job/long', '--timeout=60s']);
    await kubectl(['delete', 'job', 'long']);
    await eventually('the pods to go', async () =>
      expect(await kubectl(['get', 'pod', '-l', 'job-name=long', '-o', 'name'])).toBe(''),
    );
  });
});
