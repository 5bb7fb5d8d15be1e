import { describeWithNetwork } from '../../conformance/test-network.ts';
import type { JsonObject } from '../../spec/json.ts';
import {
  createLan,
  type Lan,
  lanIpam,
  leavesNothing,
  reaches,
  refusal,
  routerAddress,
} from '../child-link/testing/lan.ts';

describeWithNetwork('macvlan on a LAN of two nodes', () => {
  let lan: Lan;
  const config = (more: JsonObject = {}, first = 10): JsonObject => ({
    type: 'macvlan',
    master: 'lan0',
    ipam: lanIpam(lan.network, first),
    ...more,
  });

  beforeAll(async () => {
    lan = await createLan();
  });
  afterEach(() => lan.detachAll());
  afterAll(() => lan?.remove());

  it('puts containers of both nodes into the LAN, and not into reach of their own node', async () => {
    const { network, nodes } = lan;
    const [one, two] = [await nodes[0].add(config()), await nodes[0].add(config())];
    const three = await nodes[1].add(config({ isDefaultGateway: true }, 30));
    for (const other of [two.address, three.address, routerAddress]) {
      expect(await reaches(network, one.netns, other)).toBe(true);
    }
    expect(three.result.routes).toEqual([{ dst: '0.0.0.0/0', gw: routerAddress }]);
    expect(await reaches(network, three.netns, '10.91.0.1')).toBe(true);
    // The kernel's rule, also when the node has an address in the LAN itself.
    await nodes[0].ip('address add 10.90.0.5/24 dev lan0');
    expect(await reaches(network, nodes[0].netns, one.address)).toBe(false);
    expect(await reaches(network, nodes[0].netns, three.address)).toBe(true);
    await nodes[0].ip('address del 10.90.0.5/24 dev lan0');
    for (const each of [one, two, three]) {
      await each.check();
      await each.del();
    }
  });

  it('keeps private containers of one node apart, which others reach', async () => {
    const { network, nodes } = lan;
    const hidden = config({ mode: 'private' });
    const [one, two] = [await nodes[0].add(hidden), await nodes[0].add(hidden)];
    expect(await reaches(network, one.netns, two.address)).toBe(false);
    expect(await reaches(network, one.netns, routerAddress)).toBe(true);
    await one.del();
    await two.del();
  });

  it('lets vepa containers of one node meet where the switch sends back', async () => {
    const { network, nodes, router } = lan;
    const vepa = config({ macvlan_mode: 'vepa' });
    const [one, two] = [await nodes[0].add(vepa), await nodes[0].add(vepa)];
    expect(await reaches(network, one.netns, two.address)).toBe(false);
    await network.run(router, 'bridge', 'link', 'set', 'dev', 'port0', 'hairpin', 'on');
    expect(await reaches(network, one.netns, two.address)).toBe(true);
    await network.run(router, 'bridge', 'link', 'set', 'dev', 'port0', 'hairpin', 'off');
    await one.del();
    await two.del();
  });

  it('gives the parent to one container alone in mode passthru', async () => {
    const { network, nodes } = lan;
    const alone = config({ mode: 'passthru' });
    const one = await nodes[0].add(alone);
    const [lan0] = await network.host.ipShow(['link', 'show', 'dev', 'lan0'], { signal: AbortSignal.timeout(5000) });
    expect(one.result.interfaces[0]?.mac).toBe(lan0?.address);
    expect(await reaches(network, one.netns, routerAddress)).toBe(true);
    const second = await refusal(nodes[0].add(alone));
    expect(second.message).toBe(
      'mode passthru takes master lan0 for itself, and it has another macvlan interface already',
    );
    const other = await refusal(nodes[0].add(config()));
    expect(other.message).toBe('master lan0 has a macvlan interface in mode passthru, which takes it for itself');
    await one.check();
    await one.del();
  });

  it('gives the MAC that is asked for, else one that stays with the address', async () => {
    const { network, nodes } = lan;
    const mac = '02:11:22:33:44:55';
    const ways: [JsonObject, { args?: string }][] = [
      [{ mac }, {}],
      [{ runtimeConfig: { mac } }, {}],
      [{ args: { cni: { mac } } }, {}],
      [{}, { args: `IgnoreUnknown=1;MAC=${mac}` }],
    ];
    for (const [more, change] of ways) {
      const one = await nodes[0].add(config(more), change);
      expect(one.result.interfaces[0]?.mac).toBe(mac);
      expect(await network.run(one.netns, 'ip', 'link', 'show', 'eth0')).toContain(mac);
      const twin = await refusal(nodes[0].add(config(more), change));
      expect(twin.message).toBe('mac: another interface on master lan0 has this address');
      await one.del();
    }
    const same = config({ runtimeConfig: { ips: ['10.90.0.15/24'] } });
    const first = await nodes[0].add(same);
    await first.del();
    const again = await nodes[0].add(same);
    expect(again.result.interfaces).toMatchObject([{ mac: first.result.interfaces[0]?.mac }]);
    await again.del();
  });

  it('takes the bytes per packet that are asked for, else what the parent has', async () => {
    const { nodes } = lan;
    const [own, small] = [await nodes[0].add(config()), await nodes[0].add(config({ mtu: 1280, bcqueuelen: 50 }))];
    expect(own.result.interfaces[0]?.mtu).toBe(1500);
    expect(small.result.interfaces[0]?.mtu).toBe(1280);
    const [link] = await nodes[0].host.ipShow(['link', 'show', 'dev', 'eth0'], {
      netns: small.netns,
      signal: AbortSignal.timeout(5000),
    });
    expect(link).toMatchObject({ mtu: 1280, linkinfo: { info_kind: 'macvlan', info_data: { bcqueuelen: 50 } } });
    await own.del();
    await small.del();
  });

  it('gives the container an eth0 where the host has one too', async () => {
    const { network, nodes } = lan;
    await nodes[0].ip('link add name eth0 type veth peer name other0');
    const one = await nodes[0].add(config());
    expect(await reaches(network, one.netns, routerAddress)).toBe(true);
    expect((await refusal(nodes[0].add(config({ ipam: {} }), { netns: one.netns }))).message).toMatch(/already has an/);
    await one.check();
    await one.del();
    await nodes[0].ip('link del eth0');
  });

  it('carries a layer 2 interface without addresses', async () => {
    const { network, nodes } = lan;
    const bare = await nodes[0].add(config({ ipam: {} }));
    await network.run(bare.netns, 'ip', 'address', 'add', '10.90.0.99/24', 'dev', 'eth0');
    expect(await reaches(network, bare.netns, routerAddress)).toBe(true);
    await bare.check();
    await bare.del();
  });

  it('hangs on a link that the container has, with linkInContainer', async () => {
    const { network, nodes } = lan;
    const outer = await nodes[0].add(config());
    const inner = config({ master: 'eth0', linkInContainer: true, ipam: {} });
    const nested = await nodes[0].add(inner, { netns: outer.netns, ifName: 'net1' });
    expect(await network.run(outer.netns, 'ip', '-d', 'link', 'show', 'net1')).toContain('macvlan mode bridge');
    await nested.check();
    await nested.del();
    expect(await network.run(outer.netns, 'ip', '-br', 'link')).not.toContain('net1');
    await outer.del();
  });

  it('refuses what cannot be, naming the field, with nothing left and no address taken', async () => {
    const { network, nodes } = lan;
    await nodes[0].ip('link add down0 type veth peer name down1');
    const two = { ...lanIpam(network, 100, 2) };
    const ipv6 = { type: 'host-local', subnet: 'fd00:90::/64', dataDir: network.directory };
    const wrong: [JsonObject, string][] = [
      [{ master: 'nosuch0' }, 'master: nosuch0 does not exist on this node'],
      [{ master: undefined, parent: 'nosuch0' }, 'parent: nosuch0 does not exist on this node'],
      [{ parent: 'other' }, 'master lan0 and parent other are different'],
      [
        { master: 'nosuch0.5' },
        'master: nosuch0.5 does not exist on this node, and nosuch0 to make it on does not either',
      ],
      [{ master: 'down0' }, 'master: down0 is down: "ip link set down0 up"'],
      [{ master: 'down0.7' }, 'master: down0.7: down0 is down: "ip link set down0 up"'],
      [{ master: 'lo' }, 'master: lo is a loopback interface, which leads nowhere'],
      [{ master: 'lo.7' }, 'master: lo.7: lo is a loopback interface, which leads nowhere'],
      [{ master: 'a/b' }, 'master: "a/b" cannot be the name of an interface (1 to 15 characters)'],
      [
        { master: undefined },
        'master: none is named, and the host has no default route whose interface could be taken',
      ],
      [{ mode: 'bridged' }, 'mode: "bridged" is none of private, vepa, bridge, passthru'],
      [{ macvlan_mode: 7 }, 'macvlan_mode: 7 is none of private, vepa, bridge, passthru'],
      [{ mtu: 9000 }, 'mtu: 9000 is more than master lan0 has (1500)'],
      [{ mtu: 60 }, 'mtu: 60 is not between 68 and 65535'],
      [{ mtu: 1279, ipam: ipv6 }, 'mtu: 1279 is too small for fd00:90::2/64: IPv6 needs 1280'],
      [{ bcqueuelen: -1 }, 'bcqueuelen: -1 is no number of frames'],
      [{ mac: '01:00:00:00:00:01' }, 'invalid MAC address "01:00:00:00:00:01"'],
      [
        { mode: 'passthru', runtimeConfig: { mac: '02:00:00:00:00:01' } },
        'mac: a container in mode passthru has the MAC of its parent',
      ],
    ];
    await leavesNothing(network, async () => {
      for (const [more, message] of wrong) {
        const error = await refusal(nodes[0].add(config({ ipam: two, ...more })));
        expect(error.message).toBe(message);
      }
    });
    expect(await refusal(nodes[0].call('STATUS', config({ master: 'nosuch0' })))).toMatchObject({
      code: 50,
      message: 'master: nosuch0 does not exist on this node',
    });
    // Two addresses are there for two containers, whatever was refused before.
    const both = [await nodes[0].add(config({ ipam: two })), await nodes[0].add(config({ ipam: two }))];
    for (const each of both) await each.del();
  });

  it('says so when the parent is taken by a bridge', async () => {
    const { nodes } = lan;
    await nodes[1].ip('link add br0 type bridge', 'link set lan0 master br0');
    const error = await refusal(nodes[1].add(config({}, 30)));
    expect(error).toMatchObject({ code: 101, message: expect.stringMatching(/^master lan0 is taken: /) });
    await nodes[1].ip('link del br0');
  });
});
