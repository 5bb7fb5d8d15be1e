import { neverAborted } from '@slipway/kit/abort';
import { describeWith } from '@slipway/kit/testing/capabilities';
import { describeWithNetwork, kernelLacks } from '../../conformance/test-network.ts';
import type { JsonObject } from '../../spec/json.ts';
import {
  createLan,
  type Lan,
  type LanNode,
  lanIpam,
  leavesNothing,
  reaches,
  refusal,
  routerAddress,
} from '../child-link/testing/lan.ts';
import { ipvlanCase } from '../ipvlan/ipvlan.case.ts';
import { parentGroup, useName } from './parent-names.ts';
import { releaseParentsOfCluster } from './release-parent.ts';

const missingVlan = await kernelLacks('802.1q', [
  'link add name sw0 type veth peer name sw1',
  'link add link sw0 name sw0.5 type vlan id 5',
]);

let lan: Lan;
const signal = neverAborted;

const linksOf = async ({ host }: LanNode) =>
  (await host.ipShow(['link', 'show'], { signal })).map((link) => String(link.ifname)).filter((name) => name !== 'lo');

describeWithNetwork('a parent of one network alone', () => {
  const config = (more: JsonObject = {}): JsonObject => ({
    type: 'macvlan',
    internal: true,
    isDefaultGateway: true,
    ipam: lanIpam(lan.network, 10),
    ...more,
  });
  beforeAll(async () => {
    lan = await createLan();
  });
  afterEach(() => lan.detachAll());
  afterAll(() => lan?.remove());

  it('comes with the first container and goes with the last, and connects nobody else', async () => {
    const { network, nodes } = lan;
    const [one, two] = await Promise.all([nodes[0].add(config()), nodes[0].add(config())]);
    const other = await nodes[0].add(config({ name: 'other', ipam: lanIpam(network, 40) }));
    expect(await linksOf(nodes[0])).toHaveLength(3);
    expect(one.result.routes).toEqual([]);
    expect(await reaches(network, one.netns, two.address)).toBe(true);
    expect(await reaches(network, one.netns, other.address)).toBe(false);
    expect(await reaches(network, one.netns, routerAddress)).toBe(false);
    await Promise.all([one.del(), other.del()]);
    expect(await linksOf(nodes[0])).toHaveLength(2);
    await two.del();
    expect(await linksOf(nodes[0])).toEqual(['lan0']);
  });

  it('survives any order of many at once', async () => {
    const { nodes } = lan;
    const work = Array.from({ length: 12 }, async (_, at) => {
      const each = await nodes[0].add(config({ ipam: {} }));
      await each.check();
      if (at % 3 !== 0) await each.del();
      return each;
    });
    const all = await Promise.all(work);
    expect(await linksOf(nodes[0])).toHaveLength(2);
    await Promise.all(all.map((each) => each.del()));
    expect(await linksOf(nodes[0])).toEqual(['lan0']);
  });

  it('is collected when a crash kept its users from giving it up', async () => {
    const { network, nodes } = lan;
    const [kept, lost] = [await nodes[0].add(config(), { containerId: 'kept' }), await nodes[0].add(config())];
    await network.removeNetns(lost.netns);
    const valid = { 'cni.dev/valid-attachments': [{ containerID: 'kept', ifname: 'eth0' }] };
    await nodes[0].call('GC', { ...config(), ...valid });
    await kept.check();
    await kept.del();
    expect(await linksOf(nodes[0])).toEqual(['lan0']);
    // Made, and killed before anybody was noted as its user.
    await nodes[0].host.link([{ step: 'addLoneLink', name: 'swdcrash', kind: 'bridge', group: parentGroup }], {
      signal,
    });
    await nodes[0].call('GC', { ...config(), 'cni.dev/valid-attachments': [] });
    expect(await linksOf(nodes[0])).toEqual(['lan0']);
  });

  it('goes with the cluster, unless another one uses it too', async () => {
    const { nodes } = lan;
    const [a, b] = [{ clusterId: 'aaa' }, { clusterId: 'bbb' }];
    const one = await nodes[0].add(config({ slipway: a, ipam: {} }));
    const [parent] = (await linksOf(nodes[0])).filter((name) => name !== 'lan0');
    await nodes[0].add(config({ slipway: b, ipam: {}, parent, internal: false }));
    await releaseParentsOfCluster('aaa', nodes[0].host, { signal });
    expect(await linksOf(nodes[0])).toHaveLength(2);
    await one.check();
    await releaseParentsOfCluster('bbb', nodes[0].host, { signal });
    expect(await linksOf(nodes[0])).toEqual(['lan0']);
  });

  it('is given up when the ADD fails behind it', async () => {
    const { network, nodes } = lan;
    const taken = await network.addNetns();
    await network.run(taken, 'ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'other');
    await leavesNothing(network, async () => {
      for (const more of [{ mtu: 9000 }, { ipam: { type: 'host-local', subnet: '10.90.0.0/33' } }]) {
        await refusal(nodes[0].add(config(more)));
      }
      const error = await refusal(nodes[0].add(config(), { netns: taken }));
      expect(error.message).toMatch(/^container c\d+ already has an interface eth0$/);
    });
    expect(await network.run(taken, 'ip', '-br', 'link')).not.toMatch(/sw[0-9a-f]{11}/);
  });
});

describeWith(missingVlan === undefined ? 'a kernel without 802.1q' : undefined, '802.1q on a kernel without it', () => {
  it('is refused with the name of the option', async () => {
    lan = await createLan();
    try {
      const config = { type: 'macvlan', parent: 'lan0.50', ipam: lanIpam(lan.network, 10) };
      const said = { code: 50, message: 'this kernel has no 802.1q sub-interfaces (CONFIG_VLAN_8021Q, module 8021q)' };
      await leavesNothing(lan.network, async () => {
        expect(await refusal(lan.nodes[0].add(config))).toMatchObject(said);
        expect(await refusal(lan.nodes[0].call('STATUS', config))).toMatchObject(said);
      });
    } finally {
      await lan.remove();
    }
  });
});

describeWith(missingVlan, '802.1q sub-interfaces as parents', () => {
  const tagged = (type: string, parent: string, first: number, more: JsonObject = {}): JsonObject => ({
    type,
    parent,
    ipam: lanIpam(lan.network, first),
    ...more,
  });
  beforeAll(async () => {
    lan = await createLan();
    // The router is in VLAN 50 alone.
    await lan.network.host.ip(
      [
        'link add link switch name switch.50 type vlan id 50',
        'link set switch.50 up',
        `address del ${routerAddress}/24 dev switch`,
        `address add ${routerAddress}/24 dev switch.50`,
      ],
      { netns: lan.router, signal },
    );
  });
  afterEach(() => lan.detachAll());
  afterAll(() => lan?.remove());

  const drivers = ['macvlan', ...(ipvlanCase.missing ? [] : ['ipvlan'])];
  it.each(drivers)('lead %s into one VLAN, and come and go with its containers', async (type) => {
    const { network, nodes } = lan;
    const [one, two] = await Promise.all([
      nodes[0].add(tagged(type, 'lan0.50', 10)),
      nodes[0].add(tagged(type, 'lan0.50', 20, { name: 'second' })),
    ]);
    const far = await nodes[1].add(tagged(type, 'lan0.50', 30));
    const outside = await nodes[0].add(tagged(type, 'lan0.60', 40));
    for (const other of [routerAddress, two.address, far.address]) {
      expect(await reaches(network, one.netns, other)).toBe(true);
    }
    expect(await reaches(network, outside.netns, one.address)).toBe(false);
    const [made] = await nodes[0].host.ipShow(['link', 'show', 'dev', 'lan0.50'], { signal });
    expect(made).toMatchObject({ ifalias: expect.stringMatching(/^slipway-parent:cni\/(lan|second)$/) });
    expect(await network.run(nodes[0].netns, 'ip', '-6', 'address', 'show', 'dev', 'lan0.50')).toBe('');
    await one.del();
    await two.check();
    expect(await linksOf(nodes[0])).toEqual(expect.arrayContaining(['lan0.50', 'lan0.60']));
    for (const each of [two, far, outside]) await each.del();
    expect([await linksOf(nodes[0]), await linksOf(nodes[1])]).toEqual([['lan0'], ['lan0']]);
  });

  it("are used and left when they are somebody else's", async () => {
    const { network, nodes } = lan;
    await nodes[0].ip('link add link lan0 name lan0.50 type vlan id 50', 'link set lan0.50 up');
    await nodes[0].ip('link add link lan0 name blue type vlan id 60', 'link set blue up');
    const [one, two] = [
      await nodes[0].add(tagged('macvlan', 'lan0.50', 10)),
      await nodes[0].add(tagged('macvlan', 'blue', 20)),
    ];
    expect(await reaches(network, one.netns, routerAddress)).toBe(true);
    for (const each of [one, two]) await each.del();
    await nodes[0].call('GC', { ...tagged('macvlan', 'lan0.50', 10), 'cni.dev/valid-attachments': [] });
    expect((await linksOf(nodes[0])).toSorted()).toEqual(['blue', 'lan0', 'lan0.50']);
    const error = await refusal(nodes[0].add(tagged('macvlan', 'lan0.60', 10)));
    expect(error.message).toBe(
      'parent: lan0 has a sub-interface of VLAN 60 already, under another name than lan0.60: name that',
    );
    await nodes[0].ip('link del lan0.50', 'link del blue');
  });
});

describeWithNetwork('the note of a user of a parent', () => {
  it('is a name that the kernel takes, and tells networks, attachments and clusters apart', () => {
    const request = (name: string, clusterId?: string, containerId = 'c'.repeat(64)) => ({
      network: { name, type: 'ipvlan', ...(clusterId ? { slipway: { clusterId } } : {}) },
      containerId,
      ifName: 'eth0',
    });
    const use = { driver: 'ipvlan', terms: 'l3s_private' } as const;
    const names = [request('a'), request('b'), request('a', 'x'), request('a', undefined, 'd')].map((each) =>
      useName(each, use),
    );
    expect(new Set(names).size).toBe(4);
    for (const name of names) expect(name).toMatch(/^sw-use-[0-9a-f-]+-ipvlan-l3s_private$/);
    expect(Math.max(...names.map((name) => name.length))).toBeLessThan(128);
  });
});
