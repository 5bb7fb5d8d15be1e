import { directRoutePriority, type Host, vtepMac } from '@slipway/cni';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '@slipway/cni/testing';
import { neverAborted } from '@slipway/kit/abort';
import { OverlayLink, type OverlayWish } from './overlay-link.ts';

const device = 'swv-test';
const options = { signal: neverAborted };

describeWithNetwork('the way of one node to the others', () => {
  let network: TestNetwork;
  let host: Host;

  beforeEach(async () => {
    network = await createTestNetwork();
    host = network.host;
    await host.ip(
      ['link add uplink type veth peer name other', 'link set other up', 'link set uplink up'].concat(
        'address add 192.0.2.1/24 dev uplink',
      ),
      options,
    );
  });
  afterEach(() => network?.remove());

  const peer = (i: number) => ({ node: `n${i}`, address: `192.0.2.${i}`, destinations: [`10.64.${i}.0/24`] });
  const wish = (way: 'vxlan' | 'host-gw' | 'none', ...peers: OverlayWish['peers']): OverlayWish => ({
    node: 'n1',
    address: '192.0.2.1',
    uplink: { name: 'uplink', onLink: ['192.0.2.0/24'] },
    peers,
    priority: directRoutePriority('test', 'default'),
    way:
      way === 'vxlan'
        ? {
            backend: way,
            isKept: false,
            device: {
              name: device,
              mac: vtepMac(5, 'n1'),
              vni: 5,
              port: 4789,
              local: '192.0.2.1',
              mtu: 1450,
              alias: 'slipway:test/default',
              address: '10.64.1.0/32',
            },
          }
        : { backend: way },
  });
  const routes = async () => (await network.run(network.hostNetns, 'ip', 'route')).trim().split('\n').sort();

  it('puts back what somebody changed, and leaves entries of others alone', async () => {
    const link = new OverlayLink(device, host);
    await host.ip(['route add 10.99.0.0/16 via 192.0.2.77 dev uplink'], options);
    expect(await link.apply(wish('vxlan', peer(2), peer(3)), neverAborted)).toEqual([]);
    const before = await routes();
    expect(before).toHaveLength(4);
    await host.ip([`route del 10.64.2.0/24 dev ${device}`, `neigh del 192.0.2.3 dev ${device}`], options);
    await host.ip([`route add 10.88.0.0/16 dev ${device}`], options);
    link.forget();
    expect(await link.apply(wish('vxlan', peer(2), peer(3)), neverAborted)).toEqual([]);
    expect(await routes()).toEqual([...before, `10.88.0.0/16 dev ${device} scope link `].sort());
    expect(await network.run(network.hostNetns, 'ip', 'neigh', 'show', 'dev', device)).toContain('192.0.2.3');
  });

  it('takes over what an earlier run left, changes backends, and goes with the last peer', async () => {
    await new OverlayLink(device, host).apply(wish('vxlan', peer(2), peer(3)), neverAborted);
    const next = new OverlayLink(device, host);
    await next.apply(wish('vxlan', peer(3)), neverAborted);
    expect((await routes()).filter((route) => route.includes(device))).toEqual([
      `10.64.3.0/24 via 192.0.2.3 dev ${device} proto 90 onlink `,
    ]);
    await next.apply(wish('host-gw', peer(3)), neverAborted);
    expect((await routes()).filter((route) => route.includes('proto 90'))).toEqual([
      expect.stringMatching(/^10.64.3.0\/24 via 192.0.2.3 dev uplink proto 90 metric \d+ /),
    ]);
    expect(await host.ipShow(['link', 'show', 'dev', device], options)).toEqual([]);
    await next.apply(wish('vxlan', peer(3)), neverAborted);
    await next.apply(wish('vxlan'), neverAborted);
    expect(await routes()).toEqual([expect.stringContaining('192.0.2.0/24 dev uplink proto kernel')]);
    expect(await host.ipShow(['link', 'show', 'dev', device], options)).toEqual([]);
  });

  it('says when this machine has another route to the same place', async () => {
    await host.ip([`route add 10.64.2.0/24 via 192.0.2.50 dev uplink`], options);
    const problems = await new OverlayLink(device, host).apply(wish('vxlan', peer(2)), neverAborted);
    expect(problems).toEqual([expect.stringContaining('this machine has another route to 10.64.2.0/24')]);
    expect(await routes()).toContainEqual(expect.stringContaining('10.64.2.0/24 via 192.0.2.50'));
  });
});
