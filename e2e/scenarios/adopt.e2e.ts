/** The process may end in any way: containers go on, the next start adopts them, no acknowledged write is lost. */
import { readdir, readFile } from 'node:fs/promises';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds, loadExampleImage } from '../harness/images.ts';

describeWith(missingCapability(containerNeeds), 'a restart of everything', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await newCluster();
    await cluster.up();
    await loadExampleImage(cluster, 'localhost/web:1');
    await cluster.kubectl([
      'create',
      'deployment',
      'app',
      '--image=localhost/web:1',
      '--replicas=3',
      '--',
      'sleep',
      '3600',
    ]);
    await cluster.kubectl(['rollout', 'status', 'deployment/app', '--timeout=60s']);
  });

  afterAll(() => cluster.remove());

  const containers = () =>
    cluster.kubectl([
      'get',
      'pods',
      '-o',
      'jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\\n"}{end}',
    ]);

  it.each(['SIGTERM', 'SIGKILL'] as const)('restarts no container after %s', async (signal) => {
    const before = await containers();
    await cluster.kubectl(['create', 'configmap', `written-before-${signal.toLowerCase()}`]);
    await cluster.end(signal);
    await cluster.up();
    await cluster.kubectl(['get', 'configmap', `written-before-${signal.toLowerCase()}`]);
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pods', '--all', '--timeout=60s']);
    expect(await containers()).toBe(before);
  });

  it('notices what happened while it was away', async () => {
    const pod = (await cluster.kubectl(['get', 'pods', '-o', 'jsonpath={.items[0].metadata.name}'])).trim();
    const uid = (await cluster.kubectl(['get', 'pod', pod, '-o', 'jsonpath={.metadata.uid}'])).trim();
    await cluster.end('SIGKILL');
    const victims = await processesOfPod(uid);
    expect(victims.length).toBeGreaterThan(0);
    for (const pid of victims) process.kill(pid, 'SIGKILL');
    await cluster.up();
    await eventually('the killed container to be restarted', async () => {
      const count = await cluster.kubectl([
        'get',
        'pod',
        pod,
        '-o',
        'jsonpath={.status.containerStatuses[0].restartCount}',
      ]);
      expect(count).toBe('1');
    });
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pods', '--all', '--timeout=60s']);
  });
});

/** Processes in the pod's cgroup. */
async function processesOfPod(uid: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (groups.includes(uid) && !command.includes('conmon')) found.push(Number(pid));
  }
  return found;
}
