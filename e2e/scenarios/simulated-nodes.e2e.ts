/** Somebody without machines tries a rollout, a drain and the loss of a node on fifty simulated ones. */
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { kubectlVersions } from '../harness/kubectl.ts';
import { SimulatedNodesProcess } from '../harness/simulated-nodes.ts';

const missing = missingCapability({ programs: ['kubectl'] });
const replicas = 200;

describeWith(missing, 'fifty simulated nodes', () => {
  let cluster: Cluster;
  let simulation: SimulatedNodesProcess;
  const lines = async (...args: string[]) => (await cluster.kubectl(args)).split('\n').filter((line) => line !== '');
  const podsOn = (node: string) =>
    lines('get', 'pods', '-l', 'app=web', '--field-selector', `spec.nodeName=${node}`, '-o', 'name');
  const settled = () => cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
  const refused = async (...args: string[]) =>
    (await cluster.kubectlWith(kubectlVersions().at(-1) ?? 'kubectl', args)).stderr;

  beforeAll(async () => {
    cluster = await newCluster({ agent: false });
    await cluster.up();
    simulation = new SimulatedNodesProcess(cluster, [
      ...['--count', '50', '--name-prefix', 'sim', '--zones', 'a,b', '--label', 'pool=test'],
      ...['--capacity', 'cpu=4,memory=8Gi,pods=20', '--stages', 'fast', '--log-level', 'warn'],
    ]);
    await simulation.start();
  });

  afterAll(async () => {
    await simulation?.end('SIGTERM');
    await cluster?.remove();
  });

  it('shows them as nodes with their labels, zones and capacity', async () => {
    await eventually('all ready', async () =>
      expect((await lines('get', 'nodes', '--no-headers')).filter((line) => / Ready /.test(line))).toHaveLength(50),
    );
    expect(await lines('get', 'nodes', '-l', 'pool=test,topology.kubernetes.io/zone=b', '-o', 'name')).toHaveLength(25);
    const node = await cluster.kubectl(['describe', 'node', 'sim-7']);
    expect(node).toMatch(/Capacity:\n +cpu: +4\n/);
    expect(node).toContain('KubeletReady');
  });

  it('runs two hundred replicas, each with an address of its own', async () => {
    await cluster.kubectl(['create', 'deployment', 'web', '--image=example/web:1', `--replicas=${replicas}`]);
    await settled();
    const ips = await cluster.kubectl(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].status.podIP}']);
    expect(new Set(ips.split(' ')).size).toBe(replicas);
  });

  it('says at once why there are no logs and no shell', async () => {
    expect(await refused('logs', 'deployment/web')).toMatch(
      /pod default\/web-\S+ is on a simulated node and has no logs/,
    );
    expect(await refused('exec', 'deployment/web', '--', 'ls')).toContain('is on a simulated node and runs nothing');
    expect(await refused('attach', 'deployment/web')).toContain('runs nothing that could be attached to');
  });

  it('drains a node, and the replicas come up elsewhere', async () => {
    expect(await podsOn('sim-3')).not.toEqual([]);
    await cluster.kubectl(['drain', 'sim-3', '--timeout=30s']);
    expect(await podsOn('sim-3')).toEqual([]);
    await settled();
  });

  it('takes a deleted node away for good, and a restarted simulation goes on with the pods of the others', async () => {
    const before = await lines('get', 'pods', '-o', 'name', '--field-selector', 'spec.nodeName=sim-5');
    await cluster.kubectl(['delete', 'node', 'sim-4']);
    expect(await simulation.end('SIGKILL')).toBeNull();
    await simulation.start();
    // A new machine of the old name, without the pods of the old one.
    await eventually('sim-4 again', () => cluster.kubectl(['get', 'node', 'sim-4']));
    expect(await lines('get', 'pods', '-o', 'name', '--field-selector', 'spec.nodeName=sim-5')).toEqual(before);
    await cluster.kubectl(['scale', 'deployment/web', '--replicas=0']);
    await eventually('all pods gone', async () => expect(await lines('get', 'pods', '-o', 'name')).toEqual([]));
    expect(await simulation.end('SIGTERM')).toBe(0);
  });
});
