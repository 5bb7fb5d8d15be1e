import { parseCidr, parseIp } from '@slipway/api/ip-address';
import type { Network } from '@slipway/api/networks/network-types';
import { conflistFrom, type JoinWish } from './conflist-from.ts';

const node = { clusterId: 'c1', ipamDirectory: '/ipam', mtu: 1500, clusterCidr: '10.64.0.0/16' };
const aNetwork = (spec: Network['spec']): Network => ({
  apiVersion: 'networks.slipway.dev/v1',
  kind: 'Network',
  metadata: { name: 'lan' },
  spec: { subnets: [{ subnet: '10.5.0.0/24' }], ...spec },
});
const block = parseCidr('10.5.0.128/29');
const address = parseIp('10.5.0.9');
const plugin = (spec: Network['spec'], wish: Partial<JoinWish> = {}) => {
  const blocks = block ? [block] : [];
  const whole = { blocks, addresses: [], isDefault: false, hasPorts: false, hasBandwidth: false, ...wish };
  return (conflistFrom(aNetwork(spec), node, whole).plugins as Record<string, unknown>[])[0];
};
const bridge = 'com.docker.network.bridge.';

describe('conflistFrom', () => {
  it.each<[string, Network['spec'], object]>([
    ['a bridge', { driver: 'bridge' }, { type: 'bridge', isGateway: true, ipMasq: true, mtu: 1500 }],
    ['an internal bridge', { driver: 'bridge', internal: true }, { isGateway: false, ipMasq: false }],
    [
      'a bridge with options',
      {
        driver: 'bridge',
        options: { [`${bridge}name`]: 'br7', [`${bridge}enable_icc`]: 'false', mtu: '1400', vlan: '7' },
      },
      { bridge: 'br7', portIsolation: true, mtu: 1400, vlan: 7 },
    ],
    [
      'a routed bridge',
      { driver: 'bridge', options: { [`${bridge}gateway_mode_ipv4`]: 'routed' } },
      { isGateway: true, ipMasq: false },
    ],
    [
      'macvlan',
      { driver: 'macvlan', options: { parent: 'eth0.50', macvlan_mode: 'private' } },
      { type: 'macvlan', parent: 'eth0.50', mode: 'private' },
    ],
    ['macvlan without a parent', { driver: 'macvlan' }, { internal: true }],
    [
      'ipvlan',
      { driver: 'ipvlan', options: { parent: 'eth0', ipvlan_mode: 'l3', ipvlan_flag: 'vepa' } },
      { type: 'ipvlan', parent: 'eth0', mode: 'l3', flag: 'vepa' },
    ],
    ['an overlay', { driver: 'overlay' }, { type: 'overlay', subnets: ['10.5.0.0/24'], internal: false, mtu: 1450 }],
    ['an overlay by routes', { driver: 'overlay', options: { backend: 'host-gw' } }, { mtu: 1500 }],
  ])('makes %s', (_, spec, wanted) => {
    expect(plugin(spec)).toMatchObject(wanted);
  });

  it('leaves the MTU of a LAN to its parent', () => {
    expect(plugin({ driver: 'macvlan', options: { parent: 'eth0' } })).not.toHaveProperty('mtu');
  });

  it('gives addresses of the blocks, except those of others', () => {
    const spec = {
      driver: 'macvlan' as const,
      subnets: [{ subnet: '10.5.0.0/24', auxiliaryAddresses: { x: '10.5.0.130' } }],
    };
    expect(plugin(spec)?.ipam).toMatchObject({
      type: 'host-local',
      dataDir: '/ipam',
      ranges: [
        [
          { subnet: '10.5.0.0/24', rangeStart: '10.5.0.128', rangeEnd: '10.5.0.129', gateway: '10.5.0.1' },
          { subnet: '10.5.0.0/24', rangeStart: '10.5.0.131', rangeEnd: '10.5.0.135', gateway: '10.5.0.1' },
        ],
      ],
    });
  });

  it('gives exactly the address that was reserved', () => {
    expect(plugin({ driver: 'bridge' }, { addresses: address ? [address] : [] })?.ipam).toMatchObject({
      ranges: [[{ rangeStart: '10.5.0.9', rangeEnd: '10.5.0.9' }]],
    });
  });
});
