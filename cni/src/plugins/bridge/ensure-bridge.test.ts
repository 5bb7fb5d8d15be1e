import type { NetworkConfig } from '../../spec/types.ts';
import { planIp, vlanSteps } from './attachment-plan.ts';
import { gatewayLink, parseBridgeConfig } from './bridge-config.ts';
import { bridgeRuleset } from './bridge-ruleset.ts';
import { planBridge } from './ensure-bridge.ts';

const wishOf = (more: Partial<NetworkConfig> = {}) => {
  const config = parseBridgeConfig({ name: 'pods', type: 'bridge', bridge: 'sw0', isGateway: true, ...more });
  return { config, ips: [planIp({ address: '10.64.0.5/24' }, config)], clusterId: 'a1', network: 'pods' };
};
const shown = (addresses: readonly [string, number][], flags = ['UP']) => ({
  linkinfo: { info_kind: 'bridge' },
  flags,
  addr_info: addresses.map(([local, prefixlen]) => ({ local, prefixlen })),
});

describe('planBridge', () => {
  it('makes the bridge with the first address as gateway', () => {
    expect(planBridge(wishOf(), undefined)).toEqual([
      expect.stringMatching(/^link add sw0 address 0a(:[0-9a-f]{2}){5} type bridge$/),
      'link set sw0 alias slipway:a1/pods',
      'address add 10.64.0.1/24 dev sw0',
      'link set sw0 up',
    ]);
  });

  it('does nothing when all is there, whatever host addresses are beside', () => {
    expect(
      planBridge(
        wishOf(),
        shown([
          ['10.64.0.1', 24],
          ['10.64.0.200', 32],
        ]),
      ),
    ).toEqual([]);
  });

  it('refuses another address in the same subnet, or replaces it when forced', () => {
    const rival = shown([['10.64.0.254', 24]]);
    expect(() => planBridge(wishOf(), rival)).toThrow('already has an IP address different from 10.64.0.1/24');
    expect(planBridge(wishOf({ forceAddress: true }), rival)).toEqual([
      'address del 10.64.0.254/24 dev sw0',
      'address add 10.64.0.1/24 dev sw0',
    ]);
  });

  it('refuses a link that is no bridge', () => {
    expect(() => planBridge(wishOf(), { linkinfo: { info_kind: 'veth' } })).toThrow('is not a bridge');
  });

  it('adds host addresses and routes', () => {
    const wish = wishOf({ hostAddresses: ['10.96.0.10/32'], hostRoutes: ['10.96.0.0/16'] });
    expect(planBridge(wish, shown([['10.64.0.1', 24]]))).toEqual([
      'address add 10.96.0.10/32 dev sw0',
      'route replace 10.96.0.0/16 dev sw0 src 10.64.0.1',
    ]);
  });
});

describe('VLANs', () => {
  const wish = wishOf({ vlan: 100, vlanTrunk: [{ id: 7 }, { minID: 100, maxID: 102 }], preserveDefaultVlan: false });

  it('are filtered by the bridge, which has the gateway as a port', () => {
    expect(planBridge({ ...wish, ips: [] }, undefined)[0]).toMatch(/type bridge vlan_filtering 1$/);
    expect(gatewayLink(wish.config)).toBe('sw0.100');
    expect(gatewayLink(wishOf({ bridge: 'bridge-of-12ch', vlan: 100 }).config)).toMatch(/^sw[0-9a-f]{11}$/);
  });

  it('become one native and some tagged ones of the port', () => {
    expect(wish.config.vlans && vlanSteps('swport', wish.config.vlans)).toEqual([
      {
        step: 'setPortVlans',
        name: 'swport',
        add: [{ id: 100, isNative: true }, ...[7, 101, 102].map((id) => ({ id, isNative: false }))],
        remove: [1],
      },
    ]);
  });
});

describe('bridgeRuleset', () => {
  it('masquerades what leaves the network, but not what stays in the cluster', () => {
    const ruleset = bridgeRuleset(wishOf({ ipMasq: true, ipMasqExempt: ['10.64.0.0/16'] })) ?? '';
    expect(ruleset.split('\n')).toEqual(
      expect.arrayContaining([
        'add element inet slipway-a1-bridge-pods own-ip { 10.64.0.0/24 }',
        'add element inet slipway-a1-bridge-pods spared-ip { 224.0.0.0/4 }',
        'add element inet slipway-a1-bridge-pods spared-ip { 10.64.0.0/16 }',
        'add rule inet slipway-a1-bridge-pods outbound ip saddr @own-ip ip daddr @own-ip return',
        'add rule inet slipway-a1-bridge-pods outbound ip saddr @own-ip ip daddr @spared-ip return',
        'add rule inet slipway-a1-bridge-pods outbound ip saddr @own-ip masquerade fully-random',
      ]),
    );
  });

  it('is not needed by a bridge that is only layer 2', () => {
    expect(bridgeRuleset(wishOf({ isGateway: false }))).toBeUndefined();
  });
});

describe('parseBridgeConfig', () => {
  it.each<[Partial<NetworkConfig>, string]>([
    [{ vlan: 5000 }, 'vlan: 5000 is not between'],
    [{ vlanTrunk: [{}] }, 'vlanTrunk[0]: neither id nor'],
    [{ vlanTrunk: [{ minID: 5 }] }, 'minID and maxID belong together'],
    [{ vlanTrunk: [{ id: 7 }, { minID: 9, maxID: 8 }] }, 'vlanTrunk[1]: minID is greater'],
    [{ mtu: 12 }, 'mtu: invalid MTU'],
    [{ disableContainerInterface: true, ipam: { type: 'host-local' } }, 'disableContainerInterface: cannot be used'],
    [{ ipMasqBackend: 'iptables' }, 'there is only nftables'],
    [{ bridge: 'a name that is long' }, 'invalid bridge name'],
    [{ hairpinMode: true, promiscMode: true }, 'cannot set hairpin mode and promiscuous mode'],
    [{ routed: true, isGateway: false }, 'routed needs isGateway'],
    [{ isGateway: 'yes' }, 'isGateway: expected true or false'],
  ])('refuses %j', (more, message) => {
    expect(() => wishOf(more)).toThrow(message);
  });
});
