import type { NetworkConfig } from '../../spec/types.ts';
import { parseIpvlanConfig } from '../ipvlan/ipvlan.ts';
import { parseMacvlanConfig } from '../macvlan/macvlan.ts';
import { parseParentWish, parseVlanName } from './parent-config.ts';

const network = (more: Record<string, unknown>): NetworkConfig => ({ name: 'n', type: 'macvlan', ...more });

describe('the parent of a configuration', () => {
  it.each([
    [{ master: 'eth0' }, { kind: 'named', name: 'eth0', field: 'master', isInContainer: false }],
    [{ parent: 'eth0.5' }, { kind: 'named', name: 'eth0.5', field: 'parent', isInContainer: false }],
    [
      { master: 'eth0', parent: 'eth0' },
      { kind: 'named', name: 'eth0', field: 'parent', isInContainer: false },
    ],
    [
      { master: 'net1', linkInContainer: true },
      { kind: 'named', name: 'net1', field: 'master', isInContainer: true },
    ],
    [{}, { kind: 'default-route' }],
    [{ master: '' }, { kind: 'default-route' }],
    [{ parent: 'eth0', internal: true }, { kind: 'own' }],
  ])('of %j is %j', (more, wish) => {
    expect(parseParentWish(network(more))).toEqual(wish);
  });

  it.each([
    [{ master: 'a', parent: 'b' }, 'master a and parent b are different'],
    [{ parent: 'way-too-long-name' }, 'parent: "way-too-long-name" cannot be the name of an interface'],
    [{ parent: 5 }, 'parent: expected a string'],
    [{ linkInContainer: true }, 'linkInContainer needs a master'],
    [{ linkInContainer: true, internal: true }, 'internal and linkInContainer exclude each other'],
  ])('is refused in %j', (more, message) => {
    expect(() => parseParentWish(network(more))).toThrow(message);
  });

  it.each([
    ['eth0.50', { base: 'eth0', id: 50 }],
    ['bond0.100.7', { base: 'bond0.100', id: 7 }],
    ['eth0.4094', { base: 'eth0', id: 4094 }],
    ['eth0.4095', undefined],
    ['eth0.0', undefined],
    ['eth0', undefined],
    ['.5', undefined],
    ['eth0.x', undefined],
  ])('%s has the VLAN %j', (name, vlan) => {
    expect(parseVlanName(name)).toEqual(vlan);
  });
});

describe('what macvlan and ipvlan read', () => {
  it("is the same under upstream's keys and ours", () => {
    const theirs = { master: 'eth0', mode: 'vepa', mtu: 1400 };
    expect(parseMacvlanConfig(network({ parent: 'eth0', macvlan_mode: 'vepa', mtu: 1400 }))).toMatchObject({
      ...parseMacvlanConfig(network(theirs)),
      parent: { name: 'eth0' },
    });
    expect(parseIpvlanConfig(network({ ipvlan_mode: 'l3s', ipvlan_flag: 'vepa' }))).toEqual(
      parseIpvlanConfig(network({ mode: 'l3s', flag: 'vepa' })),
    );
  });

  it('has the defaults that upstream has', () => {
    expect(parseMacvlanConfig(network({}))).toMatchObject({ mode: 'bridge', isDefaultGateway: false, mtu: undefined });
    expect(parseMacvlanConfig(network({ mtu: 0, bcqueuelen: 0, mac: '' }))).toEqual(parseMacvlanConfig(network({})));
    expect(parseIpvlanConfig(network({}))).toMatchObject({ mode: 'l2', flag: 'bridge' });
  });

  it('of ipvlan in a chain is the interface that the plugin before made on the host', () => {
    const interfaces = [{ name: 'bond0' }, { name: 'eth0', sandbox: '/run/netns/x' }];
    const prevResult = { cniVersion: '1.1.0', interfaces };
    expect(parseIpvlanConfig(network({ prevResult })).parent).toMatchObject({ name: 'bond0' });
    expect(parseIpvlanConfig(network({ prevResult, master: 'eth1' })).parent).toMatchObject({ name: 'eth1' });
  });

  it.each([[69], [1.5], [-1], [70_000], ['1500']])('refuses an MTU of %j unless it can be one', (mtu) => {
    const parse = () => parseMacvlanConfig(network({ mtu }));
    if (mtu === 69) expect(parse().mtu).toBe(69);
    else expect(parse).toThrow(/^mtu: /);
  });
});
