import { neverAborted } from '@slipway/kit/abort';
import { describeWith } from '@slipway/kit/testing/capabilities';
import { describeWithNetwork } from '../../conformance/test-network.ts';
import type { JsonObject } from '../../spec/json.ts';
import {
  createLan,
  farAddress,
  type Lan,
  lanIpam,
  leavesNothing,
  reaches,
  refusal,
  routerAddress,
} from '../child-link/testing/lan.ts';
import { ipvlanCase } from './ipvlan.case.ts';

let lan: Lan;
const config = (more: JsonObject = {}, first = 10): JsonObject => ({
  type: 'ipvlan',
  master: 'lan0',
  ipam: lanIpam(lan.network, first),
  ...more,
});
/** A subnet that the LAN does not know. */
const routed = (third: number, more: JsonObject = {}): JsonObject =>
  config({
    isDefaultGateway: true,
    ipam: { type: 'host-local', subnet: `10.92.${third}.0/24`, dataDir: `${lan.network.directory}/${third}` },
    name: `routed${third}`,
    ...more,
  });

describeWith(ipvlanCase.missing, 'ipvlan on a LAN of two nodes', () => {
  describeWithNetwork('ipvlan', () => {
    beforeAll(async () => {
      lan = await createLan();
    });
    afterEach(() => lan.detachAll());
    afterAll(() => lan?.remove());

    it("l2: puts containers of both nodes into the LAN, under their nodes' MAC addresses", async () => {
      const { network, nodes } = lan;
      const [one, two] = [await nodes[0].add(config({ isDefaultGateway: true })), await nodes[0].add(config())];
      const three = await nodes[1].add(config({}, 30));
      const [lan0] = await nodes[0].host.ipShow(['link', 'show', 'dev', 'lan0'], { signal: neverAborted });
      expect([one, two].map(({ result }) => result.interfaces[0]?.mac)).toEqual([lan0?.address, lan0?.address]);
      for (const other of [two.address, three.address, routerAddress, farAddress]) {
        expect(await reaches(network, one.netns, other)).toBe(true);
      }
      await one.check();
      for (const each of [one, two, three]) await each.del();
      expect(await network.run(nodes[0].netns, 'ip', 'link', 'show', 'lan0')).not.toContain('altname');
    });

    it.each(['private', 'vepa'])('l2 %s: keeps containers of one node apart', async (flag) => {
      const { network, nodes } = lan;
      const [one, two] = [await nodes[0].add(config({ flag })), await nodes[0].add(config({ ipvlan_flag: flag }))];
      await one.check();
      expect(await reaches(network, one.netns, routerAddress)).toBe(true);
      expect(await reaches(network, one.netns, two.address)).toBe(false);
      await one.del();
      await two.del();
    });

    it.each(['l3', 'l3s'])(
      '%s: routes between subnets of one parent, and to the LAN where it has routes back',
      async (mode) => {
        const { network, nodes, router } = lan;
        const [one, two] = [
          await nodes[0].add(routed(1, { mode })),
          await nodes[0].add(routed(2, { ipvlan_mode: mode })),
        ];
        expect(one.result).toMatchObject({
          ips: [{ address: expect.stringMatching(/^10\.92\.1\.\d+\/24$/) }],
          routes: [{ dst: '0.0.0.0/0' }],
        });
        expect(one.result.ips[0]?.gateway).toBeUndefined();
        expect(await network.run(one.netns, 'ip', 'route', 'show', 'default')).toMatch(/^default dev eth0/);
        expect(await reaches(network, one.netns, two.address)).toBe(true);
        expect(await reaches(network, one.netns, routerAddress)).toBe(false);
        await nodes[0].ip('address add 10.90.0.5/24 dev lan0');
        await network.run(router, 'ip', 'route', 'add', '10.92.0.0/16', 'via', '10.90.0.5');
        expect(await reaches(network, one.netns, routerAddress)).toBe(true);
        await network.run(router, 'ip', 'route', 'del', '10.92.0.0/16');
        await nodes[0].ip('address del 10.90.0.5/24 dev lan0');
        await one.check();
        await one.del();
        await two.del();
      },
    );

    it('gives addresses of both families in every mode, to an eth0 where the host has one too', async () => {
      const { network, nodes } = lan;
      await nodes[0].ip('link add name eth0 type dummy');
      const ranges = [[{ subnet: '10.92.3.0/24' }], [{ subnet: 'fd00:92::/64' }]];
      for (const mode of ['l2', 'l3', 'l3s']) {
        const dual = config({ mode, ipam: { type: 'host-local', ranges, dataDir: network.directory } });
        const [one, two] = [await nodes[0].add(dual), await nodes[0].add(dual)];
        const [, ipv6] = two.result.ips;
        await network.run(one.netns, 'busybox', 'ping6', '-c1', '-W2', ipv6?.address.split('/')[0] ?? '');
        await one.check();
        await one.del();
        await two.del();
      }
      await nodes[0].ip('link del eth0');
    });

    it('connects the containers of an internal network, on a dummy', async () => {
      const { network, nodes } = lan;
      const inside = routed(4, { master: undefined, internal: true, mode: 'l3' });
      const [one, two] = [await nodes[0].add(inside), await nodes[0].add(inside)];
      expect(await network.run(nodes[0].netns, 'ip', '-d', 'link', 'show', 'type', 'dummy')).toContain(
        'slipway-parent',
      );
      expect(await reaches(network, one.netns, two.address)).toBe(true);
      expect(one.result.routes).toEqual([]);
      await one.del();
      await two.del();
      expect(await network.run(nodes[0].netns, 'ip', '-br', 'link')).not.toContain('swd');
    });

    it('refuses a second mode, and macvlan, on one parent, and leaves the first as it is', async () => {
      const { nodes } = lan;
      const one = await nodes[0].add(config());
      const other = await refusal(nodes[0].add(routed(1, { mode: 'l3', flag: 'private' })));
      expect(other).toMatchObject({
        code: 7,
        message: 'mode l3 with flag private: lan0 serves mode l2 already, and has one for all of its ipvlan interfaces',
      });
      const macvlan = await refusal(nodes[0].add(config({ type: 'macvlan' }, 20)));
      expect(macvlan).toMatchObject({ code: 101, message: expect.stringMatching(/^master lan0 is taken: /) });
      await one.check();
      await one.del();
      const now = await nodes[0].add(config({ type: 'macvlan' }, 20));
      const ipvlan = await refusal(nodes[0].add(config()));
      expect(ipvlan).toMatchObject({ code: 101, message: expect.stringMatching(/^master lan0 is taken: /) });
      await now.del();
    });

    it('refuses what cannot be, naming the field', async () => {
      const { network, nodes } = lan;
      const wrong: [JsonObject, string][] = [
        [{ mode: 'l4' }, 'mode: "l4" is none of l2, l3, l3s'],
        [{ ipvlan_flag: 'loud' }, 'ipvlan_flag: "loud" is none of bridge, private, vepa'],
        [{ mtu: 1501 }, 'mtu: 1501 is more than master lan0 has (1500)'],
        [{ mac: '02:00:00:00:00:01' }, 'mac: all ipvlan interfaces have the MAC of their parent'],
        [{ runtimeConfig: { mac: '02:00:00:00:00:01' } }, 'mac: all ipvlan interfaces have the MAC of their parent'],
      ];
      await leavesNothing(network, async () => {
        for (const [more, message] of wrong) {
          expect((await refusal(nodes[0].add(config(more)))).message).toBe(message);
        }
      });
    });
  });
});

describeWith(ipvlanCase.missing ? undefined : 'a kernel without ipvlan', 'ipvlan on a kernel without it', () => {
  it('is refused with the name of the option', async () => {
    lan = await createLan();
    try {
      const said = { code: 50, message: 'this kernel has no ipvlan interfaces (CONFIG_IPVLAN, module ipvlan)' };
      await leavesNothing(lan.network, async () => {
        expect(await refusal(lan.nodes[0].add(config()))).toMatchObject(said);
        expect(await refusal(lan.nodes[0].call('STATUS', config()))).toMatchObject(said);
      });
    } finally {
      await lan.remove();
    }
  });
});
