import { neverAborted } from '@slipway/kit/abort';
import { type Attach, createAttacher } from '../../conformance/attacher.ts';
import {
  createTestNetwork,
  describeWithNetwork,
  kernelLacks,
  type TestNetwork,
} from '../../conformance/test-network.ts';

/** What bridge does beyond what the specification asks of every plugin. */
const lacksVlans = await kernelLacks('bridge vlan filtering', ['link add swb type bridge vlan_filtering 1']);

describeWithNetwork('bridge', () => {
  let network: TestNetwork;
  let attach: Attach;
  beforeAll(async () => {
    network = await createTestNetwork();
    attach = await createAttacher(network);
  });
  afterAll(() => network?.remove());

  const bridge = (more = {}) => ({ type: 'bridge', bridge: 'swt-b', isDefaultGateway: true, ...more });
  const addresses = (ranges: unknown) => ({ type: 'host-local', ranges, dataDir: network.directory });
  const ping = (address: string) => ['busybox', 'ping', '-c1', '-W1', address] as const;

  it('masquerades containers of all its subnets, whichever came last', async () => {
    const { host, hostNetns } = network;
    const outside = await network.addNetns();
    await host.link(
      [
        {
          step: 'addVethPair',
          name: 'uplink',
          mac: '0a:00:00:00:00:01',
          mtu: undefined,
          peer: { name: 'eth0', mac: '0a:00:00:00:00:02', netns: outside },
        },
        { step: 'setLink', name: 'uplink', isUp: true },
        { step: 'addAddress', link: 'uplink', address: '192.0.2.1/24', skipsDuplicateDetection: true },
      ],
      { signal: neverAborted },
    );
    const far = { netns: outside, signal: neverAborted };
    await host.ip(['address add 192.0.2.2/24 dev eth0', 'link set eth0 up'], far);
    const tiny = { subnet: '10.91.0.0/24', rangeStart: '10.91.0.2', rangeEnd: '10.91.0.2' };
    const config = bridge({ ipMasq: true, ipam: addresses([[tiny, { subnet: '10.91.1.0/24' }]]) });
    const [first, second] = [await attach([config]), await attach([config])];
    expect([first.addresses, second.addresses]).toEqual([['10.91.0.2'], ['10.91.1.2']]);
    await second.run(...ping('192.0.2.2'));
    await first.run(...ping('192.0.2.2'));
    await first.run(...ping('10.91.1.2'));
    expect(await network.run(hostNetns, 'nft', 'list', 'ruleset')).toContain('elements = { 10.91.0.0/23 }');
    await first.del();
    await second.del();
  });

  it('has IPv6 addresses in use at once, also where a runtime turned IPv6 off', async () => {
    const netns = await network.addNetns();
    await network.host.writeSysctl('net/ipv6/conf/default/disable_ipv6', '1', { netns, signal: neverAborted });
    const container = await attach([bridge({ bridge: 'swt-6', ipam: addresses([[{ subnet: 'fd00:91::/64' }]]) })], {
      netns,
    });
    expect(await container.run('ip', '-6', 'address', 'show', 'dev', 'eth0')).not.toContain('tentative');
    await container.run('busybox', 'ping6', '-c1', '-W1', 'fd00:91::1');
    await container.del();
  });

  it('lets a container send with its own MAC only', async () => {
    const config = bridge({ bridge: 'swt-spoof', macspoofchk: true, ipam: addresses([[{ subnet: '10.92.0.0/24' }]]) });
    const container = await attach([config]);
    await container.check();
    await container.run(...ping('10.92.0.1'));
    await container.run('ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:99');
    await expect(container.run(...ping('10.92.0.1'))).rejects.toThrow();
    await container.del();
    expect(
      await network.run(network.hostNetns, 'nft', 'list', 'table', 'bridge', 'slipway-cni-macspoof'),
    ).not.toContain('sw0');
  });

  it('keeps ports apart when isolated, and not the gateway', async () => {
    const config = bridge({ bridge: 'swt-iso', portIsolation: true, ipam: addresses([[{ subnet: '10.93.0.0/24' }]]) });
    const [one, two] = [await attach([config]), await attach([config])];
    await one.run(...ping('10.93.0.1'));
    await expect(one.run(...ping(two.addresses[0] ?? ''))).rejects.toThrow();
    await one.del();
    await two.del();
  });

  it('hands on what the runtime says about DNS', async () => {
    const dns = { nameservers: ['192.0.2.53'] };
    const config = bridge({ bridge: 'swt-dns', dns, ipam: addresses([[{ subnet: '10.88.0.0/24' }]]) });
    const configured = await attach([config]);
    expect(configured.result.dns).toEqual(dns);
    const runtimeConfig = { dns: { servers: ['192.0.2.54'], searches: ['a.example'], options: ['ndots:2'] } };
    const asked = await attach([{ ...config, runtimeConfig }]);
    expect(asked.result.dns).toEqual({ nameservers: ['192.0.2.54'], search: ['a.example'], options: ['ndots:2'] });
    await configured.del();
    await asked.del();
  });

  it.each<[string, object, string]>([
    ['an MTU too small for IPv6', { mtu: 1000 }, 'mtu: 1000 is too small for IPv6'],
    ...(lacksVlans
      ? [['a VLAN that the kernel cannot keep', { vlan: 5 }, 'cannot filter VLANs'] as [string, object, string]]
      : []),
  ])('refuses %s, and makes nothing', async (_what, more, message) => {
    const netns = await network.addNetns();
    const before = await network.kernelObjects(netns);
    const ipam = addresses([[{ subnet: 'fd00:92::/64', rangeEnd: 'fd00:92::2' }]]);
    for (let round = 0; round < 2; round++) {
      await expect(attach([bridge({ bridge: 'swt-bad', ipam, ...more })], { netns })).rejects.toThrow(message);
    }
    expect(await network.kernelObjects(netns)).toBe(before);
  });
});
