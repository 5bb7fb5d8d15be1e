import type { Endpoints } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { aPod, aService } from '../../testing/builders.ts';
import { expectSettles } from '../../testing/plan-laws.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { observeEndpoints } from './observe.ts';
import { addressesMax, planEndpoints } from './plan.ts';

const controller = { observe: observeEndpoints, plan: planEndpoints };
const key = 'shop/web';

function aWorld(spec: Parameters<typeof aService>[0] = {}) {
  const world = new PlanWorld([]);
  world.put(kinds.services, aService(spec));
  const look = () => world.look(controller, kinds.services, key);
  const endpoints = () => world.get(kinds.endpoints, key) as Endpoints | undefined;
  const ips = (of: 'addresses' | 'notReadyAddresses') =>
    (endpoints()?.subsets ?? []).flatMap((subset) => (subset[of] ?? []).map(({ ip }) => ip));
  const pod = (i: number, more: Parameters<typeof aPod>[0] = {}) =>
    world.put(kinds.pods, aPod({ name: `p${i}`, ip: `10.64.${i >> 8}.${i & 255}`, node: 'n1', ready: true, ...more }));
  return { world, look, endpoints, ips, pod };
}

describe('planEndpoints', () => {
  it('lists ready addresses and others apart, with the pods that they belong to', () => {
    const { look, endpoints, pod } = aWorld();
    const { metadata } = pod(1);
    pod(2, { ready: false });
    pod(3, { phase: 'Succeeded' });
    pod(4, { ip: '' });
    pod(5, { metadata: { name: 'p5', deletionTimestamp: '2026-01-01T00:00:00Z' } });
    look();
    expect(endpoints()?.metadata).toMatchObject({
      name: 'web',
      labels: { team: 'shop', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' },
      ownerReferences: [{ kind: 'Service', name: 'web' }],
    });
    const targetRef = { kind: 'Pod', namespace: 'shop', name: 'p1', uid: metadata.uid };
    expect(endpoints()?.subsets).toMatchObject([
      {
        addresses: [{ ip: '10.64.0.1', nodeName: 'n1', targetRef }],
        notReadyAddresses: [{ ip: '10.64.0.2' }],
        ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
      },
    ]);
  });

  it('is there, and empty, for a service without pods', () => {
    const { look, endpoints } = aWorld();
    look();
    expect(endpoints()?.subsets).toEqual([]);
  });

  it('publishes what is not ready when asked to', () => {
    const { look, ips, pod } = aWorld({ publishNotReadyAddresses: true });
    pod(1, { ready: false });
    look();
    expect(ips('addresses')).toEqual(['10.64.0.1']);
  });

  it('stops at a thousand addresses, ready ones first, and says so', () => {
    const { world, look, endpoints, ips, pod } = aWorld();
    for (let i = 0; i < addressesMax; i++) pod(i, { ready: i >= 10 });
    for (let i = addressesMax; i < addressesMax + 5; i++) pod(i);
    look();
    expect([ips('addresses').length, ips('notReadyAddresses').length]).toEqual([995, 5]);
    expect(endpoints()?.metadata.annotations).toEqual({ 'endpoints.kubernetes.io/over-capacity': 'truncated' });
    for (let i = 0; i < 10; i++) world.remove(kinds.pods, `shop/p${i}`);
    look();
    expect(ips('addresses')).toHaveLength(995);
    expect(endpoints()?.metadata.annotations ?? {}).toEqual({});
  });

  it('settles, and follows the labels of the service', () => {
    const { world, endpoints, pod } = aWorld();
    for (let i = 0; i < 5; i++) pod(i, { ready: i % 2 === 0 });
    expectSettles(world, controller, kinds.services, key);
    const service = aService({});
    world.put(kinds.services, { ...service, metadata: { ...service.metadata, labels: { team: 'other' } } });
    expectSettles(world, controller, kinds.services, key);
    expect(endpoints()?.metadata.labels).toEqual({
      team: 'other',
      'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
    });
  });

  it('leaves services without a selector to others', () => {
    expect(aWorld({ selector: undefined }).look()).toBeUndefined();
    expect(aWorld({ type: 'ExternalName' }).look()).toBeUndefined();
  });
});
