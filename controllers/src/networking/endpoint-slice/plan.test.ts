import type { EndpointSlice, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import fc from 'fast-check';
import { indexOn } from '../../runtime/controller-definition.ts';
import { aNode, aPod, aService } from '../../testing/builders.ts';
import { expectSettles } from '../../testing/plan-laws.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { observeService, serviceIndex, serviceOfSlice } from './observe.ts';
import { planEndpointSlices } from './plan.ts';

const controller = { observe: observeService, plan: planEndpointSlices };
const key = 'shop/web';

function aWorld(spec: Parameters<typeof aService>[0] = {}) {
  const world = new PlanWorld([indexOn(kinds.endpointSlices, serviceIndex, serviceOfSlice)]);
  world.put(kinds.services, aService(spec));
  const look = () => world.look(controller, kinds.services, key);
  const slices = () => world.list(kinds.endpointSlices) as readonly EndpointSlice[];
  const endpoints = () => slices().flatMap((slice) => slice.endpoints ?? []);
  const pod = (i: number, more: Parameters<typeof aPod>[0] = {}) =>
    world.put(kinds.pods, aPod({ name: `p${i}`, ip: `10.64.${i >> 8}.${i & 255}`, node: 'n1', ready: true, ...more }));
  return { world, look, slices, endpoints, pod };
}

describe('planEndpointSlices', () => {
  it('says by an empty slice that a service has no endpoints', () => {
    const { look, slices } = aWorld();
    look();
    expect(slices()).toMatchObject([{ addressType: 'IPv4', endpoints: [], ports: [] }]);
    expect(slices()[0]?.metadata).toMatchObject({
      generateName: 'web-',
      labels: {
        team: 'shop',
        'kubernetes.io/service-name': 'web',
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
      ownerReferences: [{ kind: 'Service', name: 'web', controller: true }],
    });
  });

  it.each([
    ['PreferClose', { forZones: [{ name: 'z' }] }],
    ['PreferSameZone', { forZones: [{ name: 'z' }] }],
    ['PreferSameNode', { forZones: [{ name: 'z' }], forNodes: [{ name: 'n1' }] }],
    [undefined, undefined],
  ])('hints at nearness with trafficDistribution %s', (trafficDistribution, hints) => {
    const { world, look, endpoints, pod } = aWorld(trafficDistribution ? { trafficDistribution } : {});
    world.put(kinds.nodes, {
      ...aNode('n1', 'True'),
      metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z' } },
    });
    pod(1);
    look();
    expect(endpoints()[0]?.hints).toEqual(hints);
  });

  it('fills the empty slice rather than make another', () => {
    const { world, look, slices, pod } = aWorld();
    look();
    world.put(kinds.nodes, {
      ...aNode('n1', 'True'),
      metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z' } },
    });
    const { metadata } = pod(1);
    expect(look()?.steps.map(({ op }) => op)).toEqual(['patch']);
    expect(slices()).toHaveLength(1);
    expect(slices()[0]?.ports).toEqual([{ name: 'http', protocol: 'TCP', port: 8080 }]);
    expect(slices()[0]?.endpoints).toEqual([
      {
        addresses: ['10.64.0.1'],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: 'n1',
        targetRef: { kind: 'Pod', namespace: 'shop', name: 'p1', uid: metadata.uid },
        zone: 'z',
      },
    ]);
  });

  it('tells ready, serving and terminating apart', () => {
    const { look, endpoints, pod } = aWorld();
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    pod(1, { ready: false });
    pod(2, { metadata: { name: 'p2', deletionTimestamp } });
    pod(3, { phase: 'Succeeded' });
    pod(4, { ip: '' });
    look();
    expect(endpoints().map(({ conditions }) => conditions)).toEqual([
      { ready: false, serving: false, terminating: false },
      { ready: false, serving: true, terminating: true },
    ]);
  });

  it('publishes what is not ready when asked to', () => {
    const { look, endpoints, pod } = aWorld({ publishNotReadyAddresses: true });
    pod(1, { ready: false });
    look();
    expect(endpoints()[0]?.conditions).toEqual({ ready: true, serving: false, terminating: false });
  });

  it('resolves named ports per pod and groups by the result', () => {
    const { look, slices, pod } = aWorld({ ports: [{ name: 'http', port: 80, targetPort: 'web' }] });
    const listens = (containerPort: number): Partial<Pod['spec']> => ({
      containers: [{ name: 'c', image: 'i', ports: [{ name: 'web', containerPort }] }],
    });
    pod(1, { spec: { ...listens(8080), nodeName: 'n1' } });
    pod(2, { spec: { ...listens(9090), nodeName: 'n1' } });
    pod(3, { spec: { containers: [{ name: 'c', image: 'i' }], nodeName: 'n1' } });
    look();
    const ports = slices().map((slice) => [slice.ports?.[0]?.port, slice.endpoints?.length]);
    expect(ports).toEqual([
      [8080, 1],
      [9090, 1],
      [undefined, 1],
    ]);
  });

  it('gives headless services hostnames of their pods, and a label', () => {
    const { look, slices, endpoints, pod } = aWorld({ clusterIP: 'None' });
    pod(1, { spec: { hostname: 'web-0', subdomain: 'web', nodeName: 'n1' } });
    pod(2, { spec: { hostname: 'web-1', subdomain: 'other', nodeName: 'n1' } });
    look();
    expect(endpoints().map(({ hostname }) => hostname)).toEqual(['web-0', undefined]);
    expect(slices()[0]?.metadata.labels).toHaveProperty(['service.kubernetes.io/headless'], '');
  });

  it('leaves services without a selector, or with an external name, to others', () => {
    expect(aWorld({ selector: undefined }).look()).toBeUndefined();
    expect(aWorld({ selector: {} }).look()).toBeUndefined();
    expect(aWorld({ type: 'ExternalName' }).look()).toBeUndefined();
  });

  it('writes one slice when one of many pods changes', () => {
    const { world, look, slices, pod } = aWorld();
    for (let i = 0; i < 250; i++) pod(i);
    look();
    expect(slices().map((slice) => slice.endpoints?.length)).toEqual([100, 100, 50]);
    pod(120, { ready: false });
    expect(look()?.steps).toHaveLength(1);
    world.remove(kinds.pods, 'shop/p3');
    expect(look()?.steps).toHaveLength(1);
    pod(300);
    expect(look()?.steps).toHaveLength(1);
    expect(slices().map((slice) => slice.endpoints?.length)).toEqual([100, 100, 50]);
  });

  it('lists every address once, whatever came and went', () => {
    const act = fc.record({ i: fc.nat(140), what: fc.constantFrom('put', 'unready', 'remove') });
    fc.assert(
      fc.property(fc.array(fc.array(act, { maxLength: 80 }), { maxLength: 5 }), (rounds) => {
        const { world, slices, endpoints, pod } = aWorld();
        for (let i = 0; i < 120; i++) pod(i);
        for (const acts of rounds) {
          for (const { i, what } of acts) {
            if (what === 'remove') world.remove(kinds.pods, `shop/p${i}`);
            else pod(i, { ready: what === 'put' });
          }
          expectSettles(world, controller, kinds.services, key);
          const listed = endpoints().flatMap(({ addresses }) => addresses);
          const there = world.list(kinds.pods).map((p) => p.status?.podIP);
          expect(listed.toSorted()).toEqual(there.toSorted());
          expect(slices().every((slice) => (slice.endpoints?.length ?? 0) <= 100)).toBe(true);
        }
      }),
      { numRuns: 20 },
    );
  });
});
