/** Simulated nodes against the real control plane, in one process. */
import type { Node, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import {
  createSimulation,
  type SimulationOptions,
  silentAnnotation,
  stageSets,
} from '@slipway/kubelet-agent/simulated';
import { type ControlPlane, startControlPlane } from './control-plane.ts';

const options: SimulationOptions = {
  count: 3,
  namePrefix: 'sim',
  labels: {},
  annotations: {},
  taints: [],
  zones: [],
  capacity: {},
  address: '127.0.0.1',
  port: 10270,
  podCidr: '100.64.0.0/10',
  leaseSeconds: 40,
  stages: stageSets.fast ?? [],
};

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(() => plane.stop());

/** Runs a simulation for as long as `work` lasts. */
async function withNodes(changed: Partial<SimulationOptions>, work: () => Promise<void>): Promise<void> {
  const world = { transport: plane.transport, clock: systemClock, random: systemRandom, log: silentLogger };
  const simulation = createSimulation({ ...options, ...changed }, world);
  const stop = new AbortController();
  const running = simulation.run(stop.signal);
  try {
    await Promise.race([simulation.ready, running]);
    await work();
  } finally {
    stop.abort();
    await running;
  }
}

const aPod = (name: string, spec: Partial<Pod['spec']> = {}, more: Partial<Pod['metadata']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'default', name, ...more },
  spec: { nodeName: 'sim-0', containers: [{ name: 'c', image: 'x' }], ...spec },
});
const isReady = (object: Node | Pod | undefined) =>
  (object?.status?.conditions as { type: string; status: string }[] | undefined)?.some(
    ({ type, status }) => type === 'Ready' && status === 'True',
  ) ?? false;
const node = (name: string, holds: (node: Node | undefined) => boolean) => plane.until(kinds.nodes, { name }, holds);
const pod = (name: string, holds: (pod: Pod | undefined) => boolean) =>
  plane.until(kinds.pods, { namespace: 'default', name }, holds);
const create = (created: Pod) => plane.client.create(kinds.pods, created, { signal: plane.signal });
const remove = (name: string) =>
  plane.client.delete(kinds.pods, { namespace: 'default', name }, { signal: plane.signal });
const annotate = (name: string, annotations: Record<string, string | null>) =>
  plane.client.patch(kinds.nodes, { name }, { metadata: { annotations } }, { signal: plane.signal });

it('registers nodes that the controllers take for living ones, and runs their pods to the end', async () => {
  await plane.until(
    kinds.serviceAccounts,
    { namespace: 'default', name: 'default' },
    (account) => account !== undefined,
  );
  await withNodes({}, async () => {
    const shown = await node(
      'sim-2',
      (found) => isReady(found) && (found?.spec.taints ?? []).length === 0 && found?.spec.podCIDR !== undefined,
    );
    await node('sim-0', (found) => found?.spec.podCIDR !== undefined);
    const lease = await plane.client.get(kinds.leases, { namespace: 'kube-node-lease', name: 'sim-2' }, plane);
    expect(lease.metadata.ownerReferences?.[0]?.uid).toBe(shown?.metadata.uid);
    await create(aPod('a'));
    const running = await pod('a', isReady);
    expect(running?.status?.podIP).toMatch(/^10\.64\./);
    await remove('a');
    await pod('a', (found) => found === undefined);
  });
});

it('tells the end of a pod that somebody waits for with a finalizer', async () => {
  await withNodes({}, async () => {
    await create(aPod('watched', {}, { finalizers: ['example.com/wait'] }));
    await pod('watched', isReady);
    await remove('watched');
    const ended = await pod('watched', (found) => found?.status?.phase === 'Failed');
    expect(ended?.status?.containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(143);
    const ref = { namespace: 'default', name: 'watched' };
    await plane.client.patch(kinds.pods, ref, { metadata: { finalizers: null } }, { signal: plane.signal });
    await pod('watched', (found) => found === undefined);
  });
});

it('goes on with its nodes and pods after a restart', async () => {
  let before: Pod | undefined;
  await withNodes({}, async () => {
    await create(aPod('kept'));
    before = await pod('kept', isReady);
  });
  await withNodes({ port: 10271 }, async () => {
    // Told anew, because the process answers at another port now.
    await node('sim-0', (found) => found?.status?.daemonEndpoints?.kubeletEndpoint?.Port === 10271);
    await create(aPod('next'));
    const next = await pod('next', isReady);
    expect(next?.status?.podIP).not.toBe(before?.status?.podIP);
    expect((await pod('kept', isReady))?.status).toEqual(before?.status);
    await remove('kept');
    await remove('next');
    await pod('kept', (found) => found === undefined);
  });
});

it('says again what it said when somebody else says otherwise', async () => {
  await withNodes({}, async () => {
    await create(aPod('told'));
    await pod('told', isReady);
    const unready = { status: { conditions: [{ type: 'Ready', status: 'False' }] } };
    const options = { type: 'strategic', subresource: 'status', signal: plane.signal } as const;
    await plane.client.patch(kinds.pods, { namespace: 'default', name: 'told' }, unready, options);
    await pod('told', isReady);
    await plane.client.patch(kinds.nodes, { name: 'sim-1' }, unready, options);
    await node('sim-1', isReady);
    await remove('told');
    await pod('told', (found) => found === undefined);
  });
});

it('leaves the pods of a silent node alone until it speaks again', async () => {
  await withNodes({}, async () => {
    await annotate('sim-0', { [silentAnnotation]: 'true' });
    await create(aPod('unheard'));
    await create(aPod('heard', { nodeName: 'sim-1' }));
    await pod('heard', isReady);
    expect((await pod('unheard', () => true))?.status?.phase).toBe('Pending');
    await annotate('sim-0', { [silentAnnotation]: null });
    await pod('unheard', isReady);
    await remove('heard');
    await remove('unheard');
    await pod('unheard', (found) => found === undefined);
  });
});

it('leaves a node alone that has one of its names and is not simulated', async () => {
  const own: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'other-0' }, spec: {} };
  await plane.client.create(kinds.nodes, own, { signal: plane.signal });
  await withNodes({ namePrefix: 'other', count: 2 }, async () => {
    await node('other-1', isReady);
    expect((await node('other-0', () => true))?.status?.nodeInfo?.machineID ?? '').toBe('');
  });
});
