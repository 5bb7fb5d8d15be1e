import type { AddressPool } from '@slipway/api/networks/network-types';
import type { EndpointSlice, Node, Service } from '@slipway/api/types';
import { aNode, aService } from '../../testing/builders.ts';
import { announcersOf } from './announcers.ts';
import { addressesAnnotation, assignAddresses, poolAnnotation } from './assign.ts';
import { planLoadBalancers } from './plan.ts';
import { checkPools } from './pools.ts';

const aPool = (name: string, addresses: string[], more: Partial<AddressPool['spec']> = {}): AddressPool => ({
  apiVersion: 'networks.slipway.dev/v1',
  kind: 'AddressPool',
  metadata: { name, creationTimestamp: `2026-01-01T00:00:0${name.length}Z` },
  spec: { addresses, ...more },
});

function aBalancer(
  name: string,
  spec: Partial<Service['spec']> = {},
  annotations: Record<string, string> = {},
): Service {
  const service = aService({ type: 'LoadBalancer', ...spec });
  return { ...service, metadata: { ...service.metadata, name, annotations } };
}

const withAddress = (service: Service, ip: string): Service => ({
  ...service,
  status: { loadBalancer: { ingress: [{ ip, ipMode: 'VIP' }] } },
});

/** Name → addresses, or why there are none. */
function outcome(services: readonly Service[], pools: readonly AddressPool[]): Record<string, string> {
  const world = {
    pools: checkPools(pools),
    labelsOf: () => ({ team: 'shop' }),
    nodeAddresses: new Map([['192.0.2.9', 'n1']]),
  };
  const assigned = assignAddresses(services, world);
  return Object.fromEntries(
    assigned.map(({ service, ips, problem }) => [service.metadata.name, problem ?? ips.join(',')]),
  );
}

describe('addresses for services', () => {
  it('come from pools in order, pass over those of nodes and of a LAN as a whole, and stay', () => {
    const pools = [aPool('lan', ['192.0.2.8-192.0.2.10'])];
    expect(outcome([aBalancer('a'), aBalancer('b')], pools)).toEqual({ a: '192.0.2.8', b: '192.0.2.10' });
    expect(outcome([aBalancer('a'), withAddress(aBalancer('b'), '192.0.2.8')], pools)).toEqual({
      a: '192.0.2.10',
      b: '192.0.2.8',
    });
    expect(outcome([aBalancer('a')], [aPool('lan', ['198.51.100.0/30'])])).toEqual({ a: '198.51.100.1' });
  });

  it('of one of two services that have the same: the older keeps it', () => {
    const pools = [aPool('lan', ['192.0.2.1-192.0.2.2'])];
    const both = [withAddress(aBalancer('a'), '192.0.2.2'), withAddress(aBalancer('b'), '192.0.2.2')];
    expect(outcome(both, pools)).toEqual({ a: '192.0.2.2', b: '192.0.2.1' });
  });

  it.each<[string, Service, string]>([
    [
      'is in no pool',
      aBalancer('a', { loadBalancerIP: '203.0.113.1' }),
      'the requested address 203.0.113.1 is in no AddressPool that it may use',
    ],
    [
      'is held',
      aBalancer('b', { loadBalancerIP: '192.0.2.1' }),
      'the requested address 192.0.2.1 is held by Service shop/a',
    ],
    [
      'is of a node',
      aBalancer('a', { loadBalancerIP: '192.0.2.9' }),
      'the requested address 192.0.2.9 is an address of Node n1',
    ],
    ['is none', aBalancer('a', {}, { [addressesAnnotation]: 'lan' }), 'the requested address "lan" is no IP address'],
    [
      'is of another family',
      aBalancer('a', {}, { [addressesAnnotation]: 'fd00::1' }),
      'the requested address fd00::1 is IPv6, the Service is IPv4',
    ],
    [
      'is in an unknown pool',
      aBalancer('a', {}, { [poolAnnotation]: 'x' }),
      `AddressPool "x", which annotation ${poolAnnotation} names, is not there`,
    ],
  ])('are not given when what is asked for %s', (_, service, message) => {
    const first = withAddress(aBalancer('a'), '192.0.2.1');
    const services = service.metadata.name === 'a' ? [service] : [first, service];
    const found = outcome(services, [aPool('lan', ['192.0.2.0/28'])]);
    expect(found[service.metadata.name ?? '']).toBe(message);
  });

  it('say which pools are exhausted, and that there is none', () => {
    const pools = [
      aPool('lan', ['192.0.2.1-192.0.2.1']),
      aPool('other', ['192.0.2.2-192.0.2.2'], { autoAssign: false }),
    ];
    expect(outcome([aBalancer('a'), aBalancer('b')], pools)).toEqual({
      a: '192.0.2.1',
      b: 'no free IPv4 address is left in AddressPool lan',
    });
    expect(outcome([aBalancer('a', {}, { [poolAnnotation]: 'other' })], pools)).toEqual({ a: '192.0.2.2' });
    const elsewhere = aPool('lan', ['192.0.2.1-192.0.2.9'], { namespaceSelector: { matchLabels: { team: 'web' } } });
    expect(outcome([aBalancer('a')], [elsewhere]).a).toMatch(/^no AddressPool gives addresses to it/);
  });

  it('of a pool that overlaps with an older one are not used', () => {
    const [older, younger] = checkPools([aPool('older', ['192.0.2.0/24']), aPool('old', ['192.0.2.128-192.0.2.130'])]);
    expect(older?.problem).toBeUndefined();
    expect(younger?.problem?.message).toBe(
      'spec.addresses[0]: 192.0.2.0/24 overlaps with 192.0.2.128-192.0.2.130 of AddressPool old, which is older',
    );
    expect(checkPools([aPool('x', ['192.0.2.9-192.0.2.1'])])[0]?.problem?.message).toMatch(
      /"192.0.2.9-192.0.2.1" is no range/,
    );
  });

  it('are announced by ready nodes; with the policy Local by those with endpoints', () => {
    const nodes: Node[] = ['a', 'b', 'c', 'd', 'e'].map((name) => aNode(name, name === 'c' ? 'False' : 'True'));
    const all = announcersOf(aBalancer('x'), ['192.0.2.1'], nodes, []);
    expect(all).toHaveLength(3);
    expect(all).not.toContain('c');
    // Whoever goes, the others keep their order.
    const [first, ...others] = all;
    const left = nodes.filter(({ metadata }) => metadata.name !== first);
    expect(announcersOf(aBalancer('x'), ['192.0.2.1'], left, []).slice(0, 2)).toEqual(others);
    const local = aBalancer('x', { externalTrafficPolicy: 'Local' });
    const slice = {
      endpoints: [
        { addresses: ['10.64.0.2'], nodeName: 'd' },
        { addresses: ['10.64.0.3'], nodeName: 'c' },
      ],
    };
    expect(announcersOf(local, ['192.0.2.1'], nodes, [slice as EndpointSlice])).toEqual(['d']);
  });

  it('that somebody else has given are left alone', () => {
    const observed = { services: [], pools: [], nodes: [], namespaceLabels: new Map() };
    const service = withAddress(aBalancer('a'), '198.51.100.7');
    expect(planLoadBalancers({ ...observed, services: [{ service, slices: [] }] }, 0)).toEqual([]);
    const other = aBalancer('a', { loadBalancerClass: 'example.com/theirs' });
    expect(planLoadBalancers({ ...observed, services: [{ service: other, slices: [] }] }, 0)).toEqual([]);
  });
});
