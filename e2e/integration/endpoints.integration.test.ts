/** What stands behind a service: the objects that controllers make of pods, and of what somebody writes by hand. */
import type { Endpoints, EndpointSlice, Pod, Service } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { addNodes, type ControlPlane, startControlPlane } from './control-plane.ts';
import { startScriptedAgent } from './scripted-agent.ts';

describe('endpoints', () => {
  let plane: ControlPlane;
  let stopAgent: () => Promise<void>;
  const namespace = 'default';

  beforeAll(async () => {
    plane = await startControlPlane();
    stopAgent = startScriptedAgent(plane);
    await addNodes(plane, ['n0']);
    await plane.until(kinds.serviceAccounts, { namespace, name: 'default' }, (account) => account !== undefined);
  });
  afterAll(async () => {
    await stopAgent();
    await plane.stop();
  });

  const aService = (name: string, spec: object): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name },
    spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
  });
  const aPod = (name: string, app: string): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels: { app } },
    spec: { containers: [{ name: 'c', image: 'c:1' }] },
  });
  const create = <T extends Service | Pod | Endpoints | EndpointSlice>(
    kind: Parameters<typeof plane.client.create<T>>[0],
    object: T,
  ) => plane.client.create(kind, object, { signal: plane.signal });
  const slicesOf = (service: string) =>
    plane.manager.caches
      .inNamespace(kinds.endpointSlices, namespace)
      .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service);
  const addressesOf = (service: string) =>
    slicesOf(service)
      .flatMap(({ endpoints }) => (endpoints ?? []).flatMap(({ addresses }) => addresses))
      .toSorted();
  /** Resolves as soon as the slices are as wanted; the test's own time bounds it. */
  const untilSlices = (holds: () => boolean) =>
    new Promise<void>((resolve) => {
      plane.manager.caches.of(kinds.endpointSlices).when(holds, resolve);
    });
  const subsetsOf = ({ subsets = [] }: Endpoints) =>
    subsets.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip)).toSorted();

  it('are there in both forms for the pods of a service, and go with it', async () => {
    await create(kinds.services, aService('web', { selector: { app: 'web' } }));
    await create(kinds.pods, aPod('web-1', 'web'));
    await create(kinds.pods, aPod('web-2', 'web'));
    await untilSlices(() => addressesOf('web').length === 2);
    const ref = { namespace, name: 'web' };
    const old = await plane.until(kinds.endpoints, ref, (each) => each !== undefined && subsetsOf(each).length === 2);
    expect(old && subsetsOf(old)).toEqual(addressesOf('web'));
    await plane.client.delete(kinds.services, ref, { signal: plane.signal });
    await plane.until(kinds.endpoints, ref, (each) => each === undefined);
    await untilSlices(() => slicesOf('web').length === 0);
  });

  it('are there, and empty, for a selector that matches no pods, and go with the service', async () => {
    await create(kinds.services, aService('empty', { selector: { app: 'nobody' } }));
    const ref = { namespace, name: 'empty' };
    await untilSlices(() => slicesOf('empty').length === 1);
    expect(slicesOf('empty')).toMatchObject([{ endpoints: [] }]);
    await plane.until(kinds.endpoints, ref, (each) => each !== undefined);
    await plane.client.delete(kinds.services, ref, { signal: plane.signal });
    await untilSlices(() => slicesOf('empty').length === 0);
    await plane.until(kinds.endpoints, ref, (each) => each === undefined);
  });

  it('written by hand are mirrored, followed and taken back', async () => {
    await create(kinds.services, aService('hand', {}));
    const ref = { namespace, name: 'hand' };
    const subset = (ip: string) => ({
      subsets: [{ addresses: [{ ip }], ports: [{ name: 'http', port: 80, protocol: 'TCP' as const }] }],
    });
    await create(kinds.endpoints, { apiVersion: 'v1', kind: 'Endpoints', metadata: ref, ...subset('192.0.2.1') });
    await untilSlices(() => addressesOf('hand').join() === '192.0.2.1');
    const [slice] = slicesOf('hand');
    expect(slice?.metadata.labels).toMatchObject({
      'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
    });
    await plane.client.patch(kinds.endpoints, ref, subset('192.0.2.2'), { signal: plane.signal });
    await untilSlices(() => addressesOf('hand').join() === '192.0.2.2');
    expect(slicesOf('hand').map(({ metadata }) => metadata.uid)).toEqual([slice?.metadata.uid]);
    await plane.client.delete(kinds.endpoints, ref, { signal: plane.signal });
    await untilSlices(() => slicesOf('hand').length === 0);
  });

  it('come soon: half of a hundred services within a second', async () => {
    await create(kinds.pods, aPod('busy', 'busy'));
    const began = new Map<string, number>();
    const delays: number[] = [];
    const stop = plane.manager.caches.of(kinds.endpointSlices).subscribe((changes) => {
      for (const { before, after } of changes) {
        const service = after?.metadata.labels?.['kubernetes.io/service-name'] ?? '';
        const startedMs = began.get(service);
        if (!before && startedMs !== undefined) delays.push(performance.now() - startedMs);
      }
    });
    const make = async (i: number) => {
      began.set(`latency-${i}`, performance.now());
      await create(kinds.services, aService(`latency-${i}`, { selector: { app: 'busy' } }));
    };
    for (let i = 0; i < 100; i += 10) await Promise.all(Array.from({ length: 10 }, (_, j) => make(i + j)));
    await untilSlices(() => delays.length === 100);
    stop();
    const sorted = delays.toSorted((a, b) => a - b);
    // Upstream's own bounds are 20 and 50 seconds.
    expect(sorted[50]).toBeLessThan(1000);
    expect(sorted[98]).toBeLessThan(10_000);
  });
});
