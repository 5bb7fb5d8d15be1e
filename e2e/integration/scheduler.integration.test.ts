import type { Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { addNodes, type ControlPlane, readyNode, startControlPlane } from './control-plane.ts';
import { startScriptedAgent } from './scripted-agent.ts';

/** Each node of these tests has 32 cores. */
describe('scheduling on the real API server', () => {
  let plane: ControlPlane;
  let stopAgent: () => Promise<void>;

  beforeAll(async () => {
    plane = await startControlPlane();
    stopAgent = startScriptedAgent(plane);
    await plane.until(
      kinds.serviceAccounts,
      { namespace: 'default', name: 'default' },
      (account) => account !== undefined,
    );
  });

  afterAll(async () => {
    await stopAgent();
    await plane.stop();
  });

  const ref = (name: string) => ({ namespace: 'default', name });
  const conditionOf = (pod: Pod | undefined, type = 'PodScheduled') =>
    pod?.status?.conditions?.find((condition) => condition.type === type);

  async function create(name: string, cpu: string, spec: Partial<Pod['spec']> = {}): Promise<void> {
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: ref(name),
      spec: { containers: [{ name: 'c', image: 'x', resources: { requests: { cpu } } }], ...spec },
    };
    await plane.client.create(kinds.pods, pod, { signal: plane.signal });
  }
  const bound = (name: string) => plane.until(kinds.pods, ref(name), (pod) => pod?.spec.nodeName !== undefined);
  const pendingBecause = (name: string, message: string) =>
    plane.until(kinds.pods, ref(name), (pod) => conditionOf(pod)?.message === message);

  it('explains a pending pod in condition and event, and binds it when a node comes', async () => {
    await create('early', '1');
    await pendingBecause('early', 'no nodes available to schedule pods');
    await addNodes(plane, ['n0']);
    expect((await bound('early'))?.spec.nodeName).toBe('n0');
  });

  it('says which resource is short, and that nobody can be preempted', async () => {
    await create('huge', '31500m');
    const message =
      '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.';
    const pod = await pendingBecause('huge', message);
    expect(conditionOf(pod)).toMatchObject({ status: 'False', reason: 'Unschedulable', observedGeneration: 1 });
    await plane.client.delete(kinds.pods, ref('early'), { signal: plane.signal });
    expect((await bound('huge'))?.spec.nodeName).toBe('n0');
    const events = await plane.client.list(kinds.events, { signal: plane.signal, namespace: 'default' });
    const told = events.items.filter(({ involvedObject }) => involvedObject.name === 'huge');
    expect(told.map(({ reason, message }) => `${reason}: ${message}`)).toContain(`FailedScheduling: ${message}`);
  });

  it('preempts a less important pod, and marks it', async () => {
    const { client, signal } = plane;
    await client.create(
      {
        group: 'scheduling.k8s.io',
        version: 'v1',
        resource: 'priorityclasses',
        kind: 'PriorityClass',
        namespaced: false,
      },
      { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'vip' }, value: 1000 } as never,
      { signal },
    );
    const seen: Pod[] = [];
    const stop = plane.manager.caches.of(kinds.pods).subscribe((changes) => {
      for (const { key, after } of changes) if (key === 'default/huge' && after) seen.push(after);
    });
    await create('vip', '31', { priorityClassName: 'vip' });
    const vip = await plane.until(kinds.pods, ref('vip'), (pod) => pod?.spec.nodeName === 'n0');
    expect(vip?.status?.nominatedNodeName).toBeUndefined();
    stop();
    const target = seen.map((pod) => conditionOf(pod, 'DisruptionTarget')).find(Boolean);
    expect(target).toMatchObject({
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: 'default-scheduler: preempting to accommodate a higher priority pod',
    });
    expect(plane.manager.caches.get(kinds.pods, 'default/huge')).toBeUndefined();
  });

  it('leaves gated pods alone until the gate opens', async () => {
    await create('gated', '10m', { schedulingGates: [{ name: 'example.com/wait' }] });
    const gated = await plane.until(kinds.pods, ref('gated'), (pod) => conditionOf(pod)?.reason === 'SchedulingGated');
    expect(gated?.spec.nodeName).toBeUndefined();
    await plane.client.patch(kinds.pods, ref('gated'), { spec: { schedulingGates: null } }, { signal: plane.signal });
    await bound('gated');
  });

  it('waits for a claim, and is woken by it', async () => {
    const { client, signal } = plane;
    await create('stateful', '10m', { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] });
    const unhelpful = 'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
    await pendingBecause('stateful', `0/1 nodes are available: persistentvolumeclaim "data" not found. ${unhelpful}`);
    await client.create(
      kinds.persistentVolumeClaims,
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: ref('data'),
        spec: { accessModes: ['ReadWriteOnce'], storageClassName: '', resources: { requests: { storage: '1Gi' } } },
      },
      { signal },
    );
    await pendingBecause(
      'stateful',
      `0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. ${unhelpful}`,
    );
  });

  it('leaves pods of other schedulers alone', async () => {
    await create('foreign', '10m', { schedulerName: 'another' });
    await create('marker', '10m');
    await bound('marker');
    expect(plane.manager.caches.get(kinds.pods, 'default/foreign')?.spec.nodeName).toBeUndefined();
  });

  it('tells what a taint keeps away, and notices when it goes', async () => {
    const { client, signal } = plane;
    await client.create(
      kinds.nodes,
      { ...readyNode('tainted'), spec: { taints: [{ key: 'dedicated', value: 'x', effect: 'NoSchedule' }] } },
      { signal },
    );
    await create('wants-tainted', '10m', { nodeSelector: { 'kubernetes.io/hostname': 'tainted' } });
    await pendingBecause(
      'wants-tainted',
      "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s). " +
        'preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
    );
    await client.patch(kinds.nodes, { name: 'tainted' }, { spec: { taints: null } }, { signal });
    await client.patch(
      kinds.nodes,
      { name: 'tainted' },
      { status: readyNode('tainted').status },
      { signal, subresource: 'status' },
    );
    expect((await bound('wants-tainted'))?.spec.nodeName).toBe('tainted');
  });
});
