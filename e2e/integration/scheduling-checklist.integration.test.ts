/** The behaviours that upstream's conformance names under [sig-scheduling], each with a test of our own. */
import { kindFrom, kinds } from '@slipway/client/kinds';
import { builtInResources } from '@slipway/api/resources';
import type { KubeObject, LimitRange, Pod, PriorityClass, ReplicaSet } from '@slipway/api/types';
import { isStatus } from '@slipway/api/status-error';
import { addNodes, type ControlPlane, startControlPlane } from './control-plane.ts';
import { startScriptedAgent } from './scripted-agent.ts';

function kindNamed<T extends KubeObject>(resource: string) {
  const found = builtInResources.find((each) => each.resource === resource);
  if (!found) throw new Error(`no ${resource}`);
  return kindFrom<T>(found);
}
const limitRanges = kindNamed<LimitRange>('limitranges');
const priorityClasses = kindNamed<PriorityClass>('priorityclasses');

/** Two nodes of 32 cores. */
describe('[sig-scheduling]', () => {
  let plane: ControlPlane;
  let stopAgent: () => Promise<void>;
  let namespace = '';
  let counter = 0;

  beforeAll(async () => {
    plane = await startControlPlane();
    stopAgent = startScriptedAgent(plane);
    await addNodes(plane, ['n0', 'n1']);
    for (const [name, value] of [
      ['low', 1],
      ['medium', 100],
      ['high', 1000],
    ] as const)
      await createClass(name, value);
  });

  afterAll(async () => {
    await stopAgent();
    await plane.stop();
  });

  beforeEach(async () => {
    const { client, signal } = plane;
    namespace = `scheduling-${++counter}`;
    await client.create(
      kinds.namespaces,
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace }, spec: {} },
      { signal },
    );
    await plane.until(kinds.serviceAccounts, { namespace, name: 'default' }, (account) => account !== undefined);
  });

  afterEach(async () => {
    const { client, signal } = plane;
    await client.deleteCollection(kinds.replicaSets, { signal, namespace });
    for (const pod of plane.manager.caches.inNamespace(kinds.pods, namespace)) {
      await client.patch(kinds.pods, refOf(pod), { metadata: { finalizers: null } }, { signal }).catch(() => {});
    }
    await client.deleteCollection(kinds.pods, { signal, namespace });
    const { caches } = plane.manager;
    await new Promise<void>((resolve) => {
      caches.of(kinds.pods).when(() => caches.inNamespace(kinds.pods, namespace).length === 0, resolve);
    });
  });

  const refOf = ({ metadata }: KubeObject) => ({ namespace: metadata.namespace, name: metadata.name ?? '' });

  async function createClass(name: string, value: number, preemptionPolicy?: 'Never'): Promise<PriorityClass> {
    return plane.client.create(
      priorityClasses,
      {
        apiVersion: 'scheduling.k8s.io/v1',
        kind: 'PriorityClass',
        metadata: { name },
        value,
        ...(preemptionPolicy ? { preemptionPolicy } : {}),
      },
      { signal: plane.signal },
    );
  }

  function podOf(name: string, cpu: string, spec: Partial<Pod['spec']> = {}, metadata: Pod['metadata'] = {}): Pod {
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, ...metadata },
      spec: { containers: [{ name: 'c', image: 'x', resources: { requests: { cpu } } }], ...spec },
    };
  }
  const create = (...pod: Parameters<typeof podOf>) =>
    plane.client.create(kinds.pods, podOf(...pod), { signal: plane.signal });
  const until = (name: string, holds: (pod: Pod | undefined) => boolean) =>
    plane.until(kinds.pods, { namespace, name }, holds);
  const bound = async (name: string) => (await until(name, (pod) => pod?.spec.nodeName !== undefined))?.spec.nodeName;
  const pending = (name: string) =>
    until(name, (pod) => pod?.status?.conditions?.some(({ reason }) => reason === 'Unschedulable') ?? false);
  const on = (hostname: string) => ({ nodeSelector: { 'kubernetes.io/hostname': hostname } });

  describe('LimitRange', () => {
    const range = (name: string): LimitRange => ({
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name, namespace, labels: { limits: name } },
      spec: {
        limits: [
          {
            type: 'Container',
            defaultRequest: { cpu: '250m' },
            default: { cpu: '500m' },
            min: { cpu: '100m' },
            max: { cpu: '1' },
          },
        ],
      },
    });

    it('gives pods its defaults, and the scheduler counts them; what is out of bounds is refused', async () => {
      const { client, signal } = plane;
      await client.create(limitRanges, range('limits'), { signal });
      const made = await client.create(
        kinds.pods,
        { ...podOf('plain', '1'), spec: { containers: [{ name: 'c', image: 'x' }] } },
        { signal },
      );
      expect(made.spec.containers[0]?.resources).toEqual({ requests: { cpu: '250m' }, limits: { cpu: '500m' } });
      await expect(create('small', '50m')).rejects.toThrow('minimum cpu usage per Container is 100m');
      await expect(create('large', '2')).rejects.toThrow('must be less than or equal to cpu limit of 500m');
      await bound('plain');
    });

    it('is listed over all namespaces, patched, and deleted as a collection', async () => {
      const { client, signal } = plane;
      await client.create(limitRanges, range('a'), { signal });
      const labelSelector = 'limits=a';
      expect((await client.list(limitRanges, { signal, labelSelector })).items).toHaveLength(1);
      const patch = { spec: { limits: [{ type: 'Container', min: { cpu: '10m' } }] } };
      const patched = await client.patch(limitRanges, { namespace, name: 'a' }, patch, { signal });
      expect(patched.spec?.limits[0]?.min).toEqual({ cpu: '10m' });
      await client.deleteCollection(limitRanges, { signal, namespace, labelSelector });
      expect((await client.list(limitRanges, { signal, labelSelector })).items).toEqual([]);
    });
  });

  describe('SchedulerPredicates', () => {
    it('lets no more run than the nodes have', async () => {
      await create('one', '20', on('n0'));
      await bound('one');
      await create('two', '12', on('n0'));
      await bound('two');
      await create('three', '1', on('n0'));
      const three = await pending('three');
      expect(three?.status?.conditions?.[0]?.message).toContain('1 Insufficient cpu');
    });

    it('respects a node selector that matches, and waits for one that does not', async () => {
      const { client, signal } = plane;
      await create('waits', '1', { nodeSelector: { 'example.com/label': namespace } });
      await pending('waits');
      await client.patch(
        kinds.nodes,
        { name: 'n1' },
        { metadata: { labels: { 'example.com/label': namespace } } },
        { signal },
      );
      expect(await bound('waits')).toBe('n1');
    });

    it('keeps pods apart that want the same port and protocol, also when one wants it at every address', async () => {
      const ports = (hostIP: string, protocol = 'TCP') => ({
        ...on('n0'),
        containers: [{ name: 'c', image: 'x', ports: [{ containerPort: 8080, hostPort: 54322, hostIP, protocol }] }],
      });
      await create('everywhere', '0', ports('0.0.0.0'));
      await bound('everywhere');
      await create('somewhere', '0', ports('10.1.2.3'));
      const somewhere = await pending('somewhere');
      expect(somewhere?.status?.conditions?.[0]?.message).toContain(
        "node(s) didn't have free ports for the requested pod ports",
      );
      await create('other-protocol', '0', ports('10.1.2.3', 'UDP'));
      await bound('other-protocol');
    });
  });

  describe('SchedulerPreemption', () => {
    it('evicts the least important that is in the way, and nobody else', async () => {
      await create('low-0', '20', { ...on('n0'), priorityClassName: 'low' });
      await create('medium-1', '20', { ...on('n1'), priorityClassName: 'medium' });
      await Promise.all([bound('low-0'), bound('medium-1')]);
      await create('high', '20', { priorityClassName: 'high' });
      expect(await bound('high')).toBe('n0');
      await until('low-0', (pod) => pod === undefined);
      expect(plane.manager.caches.get(kinds.pods, `${namespace}/medium-1`)?.metadata.deletionTimestamp).toBeUndefined();
    });

    it('marks the pod that it evicts as the target of a disruption', async () => {
      const finalizers = ['example.com/test'];
      await create(
        'victim',
        '20',
        { ...on('n0'), priorityClassName: 'low' },
        { name: 'victim', namespace, finalizers },
      );
      await bound('victim');
      await create('preemptor', '20', { ...on('n0'), priorityClassName: 'high' });
      const victim = await until('victim', (pod) => pod?.metadata.deletionTimestamp !== undefined);
      expect(victim?.status?.conditions).toContainEqual(
        expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }),
      );
    });

    it('works through the pods of ReplicaSets: the lower ones give way', async () => {
      const { client, signal } = plane;
      const set = (name: string, replicas: number, cpu: string, priorityClassName: string): ReplicaSet => ({
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: { name, namespace },
        spec: {
          replicas,
          selector: { matchLabels: { name } },
          template: { metadata: { labels: { name } }, spec: podOf(name, cpu, { ...on('n0'), priorityClassName }).spec },
        },
      });
      const running = (name: string) =>
        plane.manager.caches
          .inNamespace(kinds.pods, namespace)
          .filter(
            ({ metadata, spec }) => metadata.labels?.name === name && spec.nodeName && !metadata.deletionTimestamp,
          ).length;
      const settled = (holds: () => boolean) =>
        new Promise<void>((resolve) => {
          plane.manager.caches.of(kinds.pods).when(holds, resolve);
        });
      await client.create(kinds.replicaSets, set('rs-low', 5, '4', 'low'), { signal });
      await settled(() => running('rs-low') === 5);
      await client.create(kinds.replicaSets, set('rs-medium', 3, '8', 'medium'), { signal });
      await settled(() => running('rs-medium') === 3 && running('rs-low') === 2);
      await client.create(kinds.replicaSets, set('rs-high', 1, '24', 'high'), { signal });
      // 32 cores: the high one leaves 8, which nobody needs to give up for it.
      await settled(() => running('rs-high') === 1 && running('rs-medium') * 8 + running('rs-low') * 4 === 8);
    });

    it('serves priority classes by every verb, and keeps their values', async () => {
      const { client, signal } = plane;
      const made = await createClass(`class-${namespace}`, 77, 'Never');
      const ref = { name: made.metadata.name ?? '' };
      expect((await client.get(priorityClasses, ref, { signal })).preemptionPolicy).toBe('Never');
      const described = await client.patch(priorityClasses, ref, { description: 'patched' }, { signal });
      expect(described.description).toBe('patched');
      const updated = await client.update(priorityClasses, { ...described, description: 'updated' }, { signal });
      expect(updated.description).toBe('updated');
      const refusal = await client
        .patch(priorityClasses, ref, { value: 78 }, { signal })
        .catch((error: unknown) => error);
      expect(isStatus(refusal, 'Invalid')).toBe(true);
      const { items } = await client.list(priorityClasses, { signal });
      expect(items.map(({ metadata }) => metadata.name)).toContain(ref.name);
      await client.delete(priorityClasses, ref, { signal });
    });

    it('lets a pod that must not preempt wait its turn', async () => {
      await createClass(`patient-${namespace}`, 500, 'Never');
      await create('holder', '20', { ...on('n0'), priorityClassName: 'low' });
      await bound('holder');
      await create('patient', '20', { ...on('n0'), priorityClassName: `patient-${namespace}` });
      const patient = await pending('patient');
      expect(patient?.status?.conditions?.[0]?.message).toContain(
        'preemption: not eligible due to preemptionPolicy=Never.',
      );
      await plane.client.delete(kinds.pods, { namespace, name: 'holder' }, { signal: plane.signal });
      await bound('patient');
    });
  });
});
