import { detectCgroupLayout } from '../cgroups/cgroup-layout.ts';
import { join } from 'node:path';
import { type EcsTaskFacts, taskMetadataAnnotation } from '@slipway/api/ecs/task-metadata';
import type { Node, Pod } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { createKernelHost } from '@slipway/cni';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { describeWith } from '@slipway/kit/testing/capabilities';
import type { PodSandboxConfig } from '../runtime/cri.ts';
import type { LocalRuntime } from '../runtime/local/local-runtime.ts';
import { missingForRuntime, TestNode, until } from '../runtime/local/testing/test-runtime.ts';
import { EcsForm } from './ecs/ecs-form.ts';
import { EndpointIds } from './endpoint-ids.ts';
import { TaskMetadata } from './task-metadata.ts';

const missing = await Promise.all(['runc', 'crun'].map(missingForRuntime));
const signal = neverAborted;
const host = createKernelHost({ exec });
const facts: EcsTaskFacts = {
  form: 'ecs',
  clusterArn: 'arn:aws:ecs:eu-central-1:123456789012:cluster/default',
  family: 'shop',
  revision: 1,
  launchType: 'EC2',
  networkMode: 'awsvpc',
  containers: { main: { name: 'Main' } },
};
const sleep = ['sleep', '1000'];

describeWith(missing.includes(undefined) ? undefined : missing[0], 'the metadata endpoint in real pods', () => {
  let node: TestNode;
  let bare: LocalRuntime;
  let runtime: LocalRuntime;
  const stops: AbortController[] = [];

  /** What an agent is to the endpoints: called again, nothing of the old one is asked. */
  async function startAgent(): Promise<void> {
    bare = await node.startAgent();
    const observe = {
      runtime: bare,
      host,
      clock: systemClock,
      pods: new ObjectCache<Pod>(),
      ownNode: new ObjectCache<Node>(),
      nodeAddress: () => undefined,
      dns: () => ({ clusterDns: [], clusterDomain: 'c', host: { servers: [], searches: [], options: [] } }),
    };
    const transport = {
      send: () => Promise.reject(new Error('no API server here')),
      watch: () => {
        throw new Error('no API server here');
      },
    };
    const shared = { clock: systemClock, log: silentLogger, runtime: bare, host };
    const cgroups = await detectCgroupLayout();
    const machine = { cores: 2, memoryBytes: 2 ** 30 };
    const form = new EcsForm({ ...shared, cgroups, machine, transport, observe: () => observe });
    const ids = await EndpointIds.open(join(node.dataDir, 'task-metadata.key'), systemRandom);
    const metadata = new TaskMetadata({ ...shared, form, ids }, { clusterId: 'metatest' });
    const stop = new AbortController();
    stops.push(stop);
    runtime = metadata.over(bare);
    metadata.run(stop.signal).catch(() => {});
  }

  beforeAll(async () => {
    node = await TestNode.create(missing[0] === undefined ? 'runc' : 'crun');
    await startAgent();
  });
  afterAll(async () => {
    for (const stop of stops) stop.abort();
    await node?.destroy(bare);
  });

  const taskPod = (): PodSandboxConfig => ({
    ...node.podConfig(),
    annotations: { [taskMetadataAnnotation]: JSON.stringify(facts) },
  });
  const start = (command: readonly string[] = sleep, pod = taskPod()) =>
    node.run(runtime, node.containerConfig(command), pod);
  async function sh(containerId: string, script: string): Promise<string> {
    const cmd = ['busybox', 'sh', '-c', script];
    const { stdout, stderr } = await runtime.execSync({ containerId, cmd, timeoutMs: 20_000 }, signal);
    return `${stdout}${stderr}`.trim();
  }
  const fetchIn = (containerId: string, url: string) => sh(containerId, `busybox wget -qO- "${url}"`);
  const own = '$ECS_CONTAINER_METADATA_URI_V4';

  it('is told to the container, and answers about it and its task', async () => {
    const { containerId } = await start();
    const id = await sh(containerId, `echo ${own}`);
    expect(id).toMatch(/^http:\/\/169\.254\.170\.2\/v4\/[0-9a-f]{32}$/);
    expect(await sh(containerId, 'echo $ECS_AGENT_URI $ECS_CONTAINER_METADATA_URI')).toBe(
      `${id.replace('v4', 'api')} ${id.replace('v4', 'v3')}`,
    );
    expect(JSON.parse(await fetchIn(containerId, own))).toMatchObject({
      DockerId: containerId,
      Name: 'Main',
      KnownStatus: 'RUNNING',
    });
    const task = JSON.parse(await fetchIn(containerId, `${own}/task`));
    expect(task).toMatchObject({ Family: 'shop', Containers: [{ DockerId: containerId }] });
    const stats = JSON.parse(await fetchIn(containerId, `${own}/task/stats`))[containerId];
    expect(stats.memory_stats.usage).toBeGreaterThan(0);
    expect(stats.cpu_stats.cpu_usage.total_usage).toBeGreaterThan(0);
    expect(stats.pids_stats.current).toBeGreaterThan(0);
  });

  it("answers no other pod's container, and nothing where it was not asked for", async () => {
    const [one, other] = [await start(), await start()];
    const plain = await start(sleep, node.podConfig());
    const theirs = await sh(other.containerId, `echo ${own}`);
    expect(await fetchIn(one.containerId, theirs)).toContain('404');
    expect(await fetchIn(one.containerId, theirs.replace('v4', 'api'))).toContain('404');
    expect(await sh(plain.containerId, `echo "${own}"`)).toBe('');
    expect(await fetchIn(plain.containerId, theirs)).toContain("can't connect");
  });

  it('does not answer a neighbour that sends to it over a link', async () => {
    const { containerId, sandboxId } = await start();
    const plain = await start(sleep, node.podConfig());
    const [{ netnsPath }, neighbour] = await Promise.all([
      runtime.podSandboxStatus(sandboxId, signal),
      runtime.podSandboxStatus(plain.sandboxId, signal),
    ]);
    const peer = { name: 'eth9', mac: '0a:00:00:00:00:02', netns: netnsPath };
    const within = { netns: neighbour.netnsPath, signal };
    await host.link(
      [
        { step: 'addVethPair', name: 'eth9', mac: '0a:00:00:00:00:01', mtu: undefined, peer },
        { step: 'setLink', name: 'eth9', isUp: true },
        { step: 'addAddress', link: 'eth9', address: '192.0.2.1/24', skipsDuplicateDetection: false },
      ],
      within,
    );
    await host.ip(['addr add 192.0.2.2/24 dev eth9', 'link set eth9 up'], { netns: netnsPath, signal });
    await host.ip(['route add 169.254.170.2/32 via 192.0.2.2'], within);
    const url = await sh(containerId, `echo ${own}`);
    expect(await sh(plain.containerId, 'busybox ping -c 1 -W 5 192.0.2.2')).toContain('1 packets received');
    for (const aimed of [url, url.replace('.2/', '.2:51679/')]) {
      expect(await sh(plain.containerId, `busybox timeout 1 busybox wget -qO- ${aimed} || echo none`)).toContain(
        'none',
      );
    }
    expect(await fetchIn(containerId, own)).toContain('DockerId');
  });

  it("leaves the pod's own port 80 alone", async () => {
    const { containerId } = await start(['busybox', 'httpd', '-f', '-p', '80', '-h', '/etc']);
    await until(async () => (await fetchIn(containerId, 'http://127.0.0.1/passwd')).includes('root:x:0'));
    expect(await fetchIn(containerId, own)).toContain('DockerId');
  });

  it('goes on after a restart of the agent, and ends with the sandbox', async () => {
    const { containerId, sandboxId } = await start();
    for (const stop of stops.splice(0)) stop.abort();
    node.killAgent();
    expect(await fetchIn(containerId, own)).toContain("can't connect");
    await startAgent();
    await until(async () => (await fetchIn(containerId, own)).includes(containerId));
    const listening = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
    const before = listening();
    await runtime.stopPodSandbox(sandboxId, signal);
    await until(async () => listening() === before - 1);
  });
});
