import { neverAborted } from '@slipway/kit/abort';
import { type Attach, createAttacher } from '../../conformance/attacher.ts';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '../../conformance/test-network.ts';

const signal = neverAborted;
const ping = (address: string) => ['busybox', 'ping', '-c1', '-W1', address] as const;
const addressOf = (machine: number) => `192.0.2.${machine}`;

/** Two machines on one link, by the plugin alone, as any runtime calls it. */
describeWithNetwork('overlay', () => {
  let networks: TestNetwork[];
  let attachers: Attach[];

  beforeAll(async () => {
    networks = [await createTestNetwork(), await createTestNetwork()];
    attachers = await Promise.all(networks.map((network) => createAttacher(network)));
    const [one, two] = networks as [TestNetwork, TestNetwork];
    const peer = { name: 'uplink', mac: '0a:00:00:00:00:02', netns: two.hostNetns };
    await one.host.link([{ step: 'addVethPair', name: 'uplink', mac: '0a:00:00:00:00:01', mtu: undefined, peer }], {
      signal,
    });
    for (const [i, { host }] of networks.entries()) {
      await host.ip([`address add ${addressOf(i + 1)}/24 dev uplink`, 'link set uplink up'], { signal });
    }
  });
  afterAll(async () => {
    for (const network of networks ?? []) await network.remove();
  });

  const config = (machine: number, vni: number, more = {}) => ({
    type: 'overlay',
    vni,
    bridge: `swt-b${vni}`,
    device: `swt-v${vni}`,
    local: addressOf(machine),
    node: `machine-${machine}`,
    subnets: [`10.${vni}.0.0/16`],
    peers: [1, 2].map((i) => ({
      node: `machine-${i}`,
      address: addressOf(i),
      destinations: [`10.${vni}.${i}.0/24`],
    })),
    ipam: {
      type: 'host-local',
      subnet: `10.${vni}.${machine}.0/24`,
      dataDir: networks[machine - 1]?.directory,
    },
    ...more,
  });
  const attach = async (machine: number, vni: number, more = {}) => {
    const attached = await attachers[machine - 1]?.([config(machine, vni, more)], { name: `net${vni}` });
    if (!attached) throw new Error('no such machine');
    return attached;
  };

  it('leads containers of two machines to each other, and keeps networks apart', async () => {
    const [one, two, other] = [await attach(1, 77), await attach(2, 77), await attach(2, 78)];
    await one.run(...ping(two.addresses[0] ?? ''));
    await two.run(...ping(one.addresses[0] ?? ''));
    await expect(one.run(...ping(other.addresses[0] ?? ''))).rejects.toThrow();
    await expect(other.run(...ping(two.addresses[0] ?? ''))).rejects.toThrow();
    const [device] = (await networks[0]?.host.ipShow(['link', 'show', 'dev', 'swt-v77'], { signal })) ?? [];
    expect(device).toMatchObject({ mtu: 1450, linkinfo: { info_data: { id: 77, port: 4789, learning: false } } });
  });

  it('needs no tunnel on one link', async () => {
    const [one, two] = [await attach(1, 79, { backend: 'host-gw' }), await attach(2, 79, { backend: 'host-gw' })];
    await one.run(...ping(two.addresses[0] ?? ''));
    expect(await networks[0]?.host.ipShow(['link', 'show', 'dev', 'swt-v79'], { signal })).toEqual([]);
  });

  it.each([
    ['no subnets', { subnets: [] }, 'subnets: the networks over all machines are needed'],
    ['a number out of range', { vni: 16_777_216 }, 'vni: 16777216 is out of range: 1 to 16777215'],
    ['a number of another network', { vni: 77 }, 'vni 77 is taken on this machine by the device swt-v77'],
    [
      'a subnet of the LAN',
      { subnets: ['192.0.2.0/28'] },
      'overlaps with this machine’s route to 192.0.2.0/24 on uplink',
    ],
    [
      'a subnet of another network',
      { subnets: ['10.77.0.0/17'] },
      'overlaps with this machine’s route to 10.77.1.0/24',
    ],
    [
      'too large an MTU',
      { mtu: 1480 },
      'mtu 1480 does not fit: the uplink takes 1500 bytes, 50 of them are for the tunnel',
    ],
    ['too small an MTU', { mtu: 200 }, 'mtu 200 is too small: at least 576 is needed'],
    ['an address of nobody', { local: '192.0.2.99' }, 'local: no interface has the address 192.0.2.99'],
    ['an unknown backend', { backend: 'wireguard' }, 'backend: "wireguard" is none of vxlan, host-gw'],
    [
      'a peer that is not on the link',
      { backend: 'host-gw', peers: [{ node: 'x', address: '203.0.113.9', destinations: ['10.80.9.0/24'] }] },
      'pods of node x cannot be reached',
    ],
    ['a peer without a name', { peers: [{}] }, 'peers[0].node: expected a name'],
  ])('refuses %s, and makes nothing', async (_, more, message) => {
    await attach(1, 77);
    const [one] = networks as [TestNetwork];
    const before = await one.kernelObjects();
    await expect(attach(1, 80, more)).rejects.toThrow(message.replace('’', "'"));
    expect(await one.kernelObjects()).toBe(before);
  });
});
