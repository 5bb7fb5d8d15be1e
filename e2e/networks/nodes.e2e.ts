/** What every scenario with several nodes stands on. */
import { existsSync } from 'node:fs';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds } from '../harness/images.ts';
import { run } from '../harness/kubectl.ts';
import { NodeCluster } from '../harness/nodes/node-cluster.ts';

describeWith(missingCapability(containerNeeds), 'several nodes on one machine', () => {
  let cluster: NodeCluster;

  beforeAll(async () => {
    cluster = await NodeCluster.start({ nodes: [0, 1] });
    await cluster.loadExampleImage('localhost/web:1');
  });
  afterAll(() => cluster?.remove());

  it('gives each its own network, processes and name, and the LAN in between', async () => {
    const [one, two] = [cluster.node(0), cluster.node(1)];
    expect(await one.machine.exec('hostname')).toBe('node-1\n');
    await one.machine.exec('busybox', 'ping', '-c1', '-W2', two.address);
    await cluster.lan.router.exec('busybox', 'ping', '-c1', '-W2', two.address);
    expect(await two.machine.exec('busybox', 'ps')).not.toContain('apiserver');
    const { items } = await cluster.get<{ items: { status: { addresses: unknown[] } }[] }>('nodes');
    expect(items.map(({ status }) => status.addresses)).toEqual([
      expect.arrayContaining([{ type: 'InternalIP', address: one.address }]),
      expect.arrayContaining([{ type: 'InternalIP', address: two.address }]),
    ]);
  });

  it('runs containers that outlive their agent, and takes everything along in the end', async () => {
    const node = cluster.node(1);
    const container = { name: 'main', image: 'localhost/web:1', command: ['sleep', '3600'] };
    const spec = { nodeName: node.name, terminationGracePeriodSeconds: 0, containers: [container] };
    await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'sleeper' }, spec });
    await cluster.kubectl(['wait', 'pod/sleeper', '--for=condition=Ready', '--timeout=30s']);
    await node.endAgent('SIGKILL');
    expect(await node.machine.exec('busybox', 'ps')).toContain('sleep 3600');
    await node.startAgent();
    await eventually('exec through the new agent', async () => {
      expect(await cluster.kubectl(['exec', 'sleeper', '--', 'echo', 'inside'])).toBe('inside\n');
    });
    const { items } = await cluster.get<{ items: { metadata: { uid: string } }[] }>('pods');
    const { pid } = node.machine;
    await cluster.remove();
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(existsSync(cluster.dataDir)).toBe(false);
    const { stdout } = await run('find', ['/sys/fs/cgroup', '-path', `*pod${items[0]?.metadata.uid}*`]);
    expect(stdout).toBe('');
  });
});
