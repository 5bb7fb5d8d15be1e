/** Nodes are emptied with kubectl drain, the oldest and the newest at hand, and a disruption budget is kept all the while. */
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { kubectlEnds } from '../harness/kubectl.ts';

const replicas = 4;

describeWith(missingCapability({ programs: ['kubectl'] }), 'kubectl drain', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await newCluster({
      agent: false,
      flags: ['--simulate-nodes', '3', '--stages', 'fast', '--name-prefix', 'node'],
    });
    await cluster.up();
    await cluster.kubectl(['create', 'deployment', 'web', '--image=web', `--replicas=${replicas}`]);
    await cluster.kubectl(['create', 'pdb', 'web', '--selector=app=web', '--max-unavailable=1']);
    await cluster.kubectl(['wait', '--for=condition=Available', 'deployment/web', '--timeout=60s']);
  });

  afterAll(() => cluster.remove());

  const budget = async () => {
    const { status } = JSON.parse(await cluster.kubectl(['get', 'pdb', 'web', '-o', 'json']));
    return status as { disruptionsAllowed: number; currentHealthy: number; expectedPods: number };
  };
  const podsOn = (node: string) =>
    cluster.kubectl(['get', 'pods', '-o', 'name', `--field-selector=spec.nodeName=${node}`]);

  it.each(kubectlEnds().map((path, i) => [path.split('/').at(-1) ?? path, path, `node-${i}`]))(
    'empties a node and keeps the budget (%s)',
    async (_, program, node) => {
      await eventually('the deployment is whole', async () =>
        expect(await budget()).toMatchObject({ currentHealthy: replicas, expectedPods: replicas }),
      );
      const drained = await cluster.kubectlWith(program, ['drain', node, '--timeout=90s']);
      expect(drained.stderr).not.toMatch(/timed out|unexpected|more than one PodDisruptionBudget/);
      expect(drained.stdout).toContain(`node/${node} cordoned`);
      expect(drained.stdout).toContain(`node/${node} drained`);
      expect(drained.code).toBe(0);
      expect(await podsOn(node)).toBe('');
      const described = await cluster.kubectl(['describe', 'node', node]);
      expect(described).toMatch(/Taints:\s+node.kubernetes.io\/unschedulable:NoSchedule/);
      await cluster.kubectlWith(program, ['uncordon', node]);
      await eventually('the node is open again', async () =>
        expect(await cluster.kubectl(['describe', 'node', node])).toMatch(/Taints:\s+<none>/),
      );
    },
  );

  it('waits as long as the budget allows nothing, and says why', async () => {
    await cluster.kubectl(['patch', 'pdb', 'web', '--type=merge', '-p', '{"spec":{"maxUnavailable":0}}']);
    await eventually('the budget allows nothing', async () => expect((await budget()).disruptionsAllowed).toBe(0));
    const [program = 'kubectl'] = kubectlEnds();
    const drained = await cluster.kubectlWith(program, ['drain', 'node-2', '--timeout=3s']);
    expect(drained.code).toBe(1);
    expect(drained.stderr).toContain("Cannot evict pod as it would violate the pod's disruption budget.");
    expect(await podsOn('node-2')).not.toBe('');
    expect(await cluster.kubectl(['describe', 'pdb', 'web'])).toMatch(/Allowed disruptions:\s+0/);
  });
});
