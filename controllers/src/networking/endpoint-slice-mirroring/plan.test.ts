import type { Endpoints, EndpointSlice } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { indexOn } from '../../runtime/controller-definition.ts';
import { aService } from '../../testing/builders.ts';
import { expectSettles } from '../../testing/plan-laws.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { endpointsOfMirror, mirrorIndex, observeMirror } from './observe.ts';
import { addressesMax, planGoneMirror, planMirror } from './plan.ts';

const controller = { observe: observeMirror, plan: planMirror };
const key = 'shop/web';

function aWorld(endpoints: Partial<Endpoints> = {}, service = aService({ selector: {} })) {
  const world = new PlanWorld([indexOn(kinds.endpointSlices, mirrorIndex, endpointsOfMirror)]);
  world.put(kinds.services, service);
  const put = ({ metadata, ...more }: Partial<Endpoints>) =>
    world.put(kinds.endpoints, {
      apiVersion: 'v1',
      kind: 'Endpoints',
      subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }],
      ...more,
      metadata: { namespace: 'shop', name: 'web', ...metadata },
    });
  put(endpoints);
  const slices = () => world.list(kinds.endpointSlices) as EndpointSlice[];
  return { world, put, slices, look: () => world.look(controller, kinds.endpoints, key) };
}

describe('planMirror', () => {
  it('copies addresses, ready or not, by their families, with labels and annotations', () => {
    const annotations = { note: 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
    const { look, slices } = aWorld({
      metadata: { labels: { team: 'shop' }, annotations },
      subsets: [
        {
          addresses: [{ ip: '192.0.2.1', hostname: 'one', nodeName: 'n1' }, { ip: 'fd00::1' }],
          notReadyAddresses: [{ ip: '192.0.2.2' }],
          ports: [{ port: 80, protocol: 'TCP' }],
        },
      ],
    });
    look();
    expect(slices()).toMatchObject([
      {
        addressType: 'IPv4',
        metadata: {
          generateName: 'web-',
          annotations: { note: 'x' },
          labels: {
            team: 'shop',
            'kubernetes.io/service-name': 'web',
            'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
          },
          ownerReferences: [{ kind: 'Endpoints', name: 'web', controller: true }],
        },
        ports: [{ name: '', port: 80, protocol: 'TCP' }],
        endpoints: [
          { addresses: ['192.0.2.1'], conditions: { ready: true }, hostname: 'one', nodeName: 'n1' },
          { addresses: ['192.0.2.2'], conditions: { ready: false } },
        ],
      },
      { addressType: 'IPv6', endpoints: [{ addresses: ['fd00::1'] }] },
    ]);
    expect(slices()[0]?.metadata.annotations).toEqual({ note: 'x' });
  });

  it('keeps its slice through changes of addresses and ports', () => {
    const { world, put, slices, look } = aWorld();
    look();
    const name = slices()[0]?.metadata.name;
    put({ subsets: [{ addresses: [{ ip: '192.0.2.9' }], ports: [{ name: 'web', port: 8080, protocol: 'TCP' }] }] });
    look();
    expect(slices().map(({ metadata }) => metadata.name)).toEqual([name]);
    expect(slices()).toMatchObject([{ ports: [{ port: 8080 }], endpoints: [{ addresses: ['192.0.2.9'] }] }]);
    expectSettles(world, controller, kinds.endpoints, key);
  });

  it.each<[string, Partial<Endpoints>, ReturnType<typeof aService> | undefined]>([
    ['a service that selects pods', {}, aService()],
    ['an external name', {}, aService({ type: 'ExternalName', selector: {} })],
    ['what is marked', { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } }, undefined],
    ['an election', { metadata: { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } } }, undefined],
  ])('leaves %s alone, and removes what it made before', (_, endpoints, service) => {
    const { world, put, slices, look } = aWorld();
    look();
    expect(slices()).toHaveLength(1);
    if (service) world.put(kinds.services, service);
    put(endpoints);
    look();
    expect(slices()).toEqual([]);
  });

  it('stops at a thousand addresses of a subset, and says so', () => {
    const addresses = Array.from({ length: addressesMax + 3 }, (_, i) => ({ ip: `10.1.${i >> 8}.${i & 255}` }));
    const { world, slices } = aWorld({ subsets: [{ addresses, ports: [{ port: 80, protocol: 'TCP' }] }] });
    const observed = observeMirror(key, world);
    const { steps } = observed ? planMirror(observed) : { steps: [] };
    expect(steps.map(({ op }) => op)).toEqual(['create', 'event']);
    expect(steps[1]).toMatchObject({
      reason: 'TooManyAddressesToMirror',
      message: expect.stringContaining('3 addresses were skipped'),
    });
    expect(slices()).toEqual([]);
  });

  it('removes the slices of endpoints that are gone', () => {
    const { slices, look } = aWorld();
    look();
    expect(planGoneMirror(slices())).toMatchObject([{ op: 'delete' }]);
  });
});
