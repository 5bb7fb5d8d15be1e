import fc from 'fast-check';
import type { Network } from '@slipway/api/networks/network-types';
import { networkVni } from '@slipway/api/networks/network-vni';
import { inUseFinalizer, planNetworks } from './plan.ts';
import { networksOfPod } from './pod-networks.ts';
import { aPod } from '../../testing/builders.ts';

let age = 0;
function aNetwork(name: string, spec: Network['spec'], more: Partial<Network['metadata']> = {}): Network {
  const creationTimestamp = new Date(Date.UTC(2026, 0, 1, 0, 0, age++)).toISOString();
  return {
    apiVersion: 'networks.slipway.dev/v1',
    kind: 'Network',
    metadata: { name, uid: `uid-of-${name}`, creationTimestamp, finalizers: [inUseFinalizer], generation: 1, ...more },
    spec,
  };
}
const clusterCidr = '10.64.0.0/16';
const ranges = { clusterCidr, serviceCidr: '10.128.0.0/19' };
const cluster = aNetwork('default', { driver: 'overlay', subnets: [{ subnet: clusterCidr, range: clusterCidr }] });

/** The Networks after the plan, as the server would have them. */
function applied(networks: readonly Network[], usedBy: Record<string, string[]> = {}) {
  const { steps } = planNetworks({ networks, usedBy: new Map(Object.entries(usedBy)), ranges }, 0);
  const after = new Map(networks.map((network) => [network.metadata.name ?? '', network]));
  for (const step of steps) {
    if (step.op === 'create') after.set(step.object.metadata.name ?? '', step.object as Network);
    if (step.op !== 'patch') continue;
    const name = step.target.metadata.name ?? '';
    const old = after.get(name) as Network;
    const { metadata, status } = step.patch as Partial<Network>;
    after.set(name, { ...old, metadata: { ...old.metadata, ...metadata }, ...(status ? { status } : {}) });
  }
  return { steps, after: [...after.values()] };
}
const readyOf = (networks: readonly Network[], name: string) => {
  const found = applied([cluster, ...networks]).after.find(({ metadata }) => metadata.name === name);
  const { status, reason, message } = found?.status?.conditions?.[0] ?? {};
  return status === 'True' ? 'ready' : `${reason}: ${message}`;
};

describe('planNetworks', () => {
  it('fills in what a Network leaves open, and has nothing to do then', () => {
    const cells = aNetwork('cells', { driver: 'overlay', ipv6: true });
    const { after } = applied([cluster, cells]);
    expect(after.map(({ status }) => [status?.vni, status?.subnets])).toEqual([
      [networkVni(cluster), [{ subnet: clusterCidr, range: clusterCidr, nodePrefixLength: 24 }]],
      [
        networkVni(cells),
        [
          { subnet: '10.128.32.0/20', range: '10.128.40.0/21', gateway: '10.128.32.1', nodePrefixLength: 25 },
          expect.objectContaining({ subnet: 'fd73:6c69:7077::/64' }),
        ],
      ],
    ]);
    expect(applied(after).steps).toEqual([]);
  });

  it('gives the next number where another Network has the one that would follow from the uid', () => {
    const cells = aNetwork('cells', { driver: 'overlay' });
    const rival = aNetwork('rival', { driver: 'overlay', options: { vni: String(networkVni(cells)) } });
    const { after } = applied([cluster, cells, rival]);
    expect(after[2]?.status?.vni).toBe(networkVni(cells));
    expect(after[1]?.status?.vni).toBe((networkVni(cells) ?? 0) + 1);
  });

  it('puts the cluster network back, and guards the others', () => {
    const { after } = applied([aNetwork('lan', { driver: 'bridge' }, { finalizers: [] })]);
    expect(after.find(({ metadata }) => metadata.name === 'lan')?.metadata.finalizers).toEqual([inUseFinalizer]);
    expect(after.find(({ metadata }) => metadata.name === 'default')?.spec.subnets).toEqual([
      { subnet: clusterCidr, range: clusterCidr },
    ]);
  });

  const lan = (
    name: string,
    subnet: string,
    options: Record<string, string> = {},
    driver: 'macvlan' | 'ipvlan' = 'macvlan',
  ) => aNetwork(name, { driver, subnets: [{ subnet }], options });

  it.each<[string, Network[], string]>([
    [
      'overlapping subnets',
      [lan('a', '10.5.0.0/16'), lan('b', '10.5.7.0/24')],
      'SubnetOverlap: subnet 10.5.7.0/24 overlaps with 10.5.0.0/16 of Network a: choose another subnet',
    ],
    [
      'a subnet of the cluster',
      [lan('b', '10.64.7.0/24')],
      'SubnetOverlap: subnet 10.64.7.0/24 overlaps with 10.64.0.0/16 of Network default: choose another subnet',
    ],
    [
      'a subnet of the services',
      [lan('b', '10.128.0.0/9')],
      'SubnetOverlap: subnet 10.128.0.0/9 overlaps with 10.128.0.0/19, the addresses of services: choose another subnet',
    ],
    [
      'one VNI twice',
      ['a', 'b'].map((name) => aNetwork(name, { driver: 'overlay', options: { vni: '77' } })),
      'VNIConflict: vni 77 is that of Network a: choose another, or none to be given one',
    ],
    [
      'two drivers on one sub-interface',
      [lan('a', '10.5.0.0/24', { parent: 'eth0.50' }), lan('b', '10.6.0.0/24', { parent: 'eth0.50' }, 'ipvlan')],
      'ParentConflict: parent eth0.50 has the driver macvlan in Network a, and an interface cannot have ipvlan besides: choose another parent',
    ],
    [
      'a parent that another takes as a whole',
      [
        lan('a', '10.5.0.0/24', { parent: 'eth1', macvlan_mode: 'passthru' }),
        lan('b', '10.6.0.0/24', { parent: 'eth1' }),
      ],
      'ParentConflict: parent eth1 is shared with Network a, and mode passthru takes it as a whole: choose another parent or mode',
    ],
    [
      'two VLANs of one parent',
      [lan('a', '10.5.0.0/24', { parent: 'eth0.5' }), lan('b', '10.6.0.0/24', { parent: 'eth0.6' })],
      'ready',
    ],
    ['no addresses at all', [aNetwork('b', { driver: 'none' })], 'ready'],
  ])('knows %s', (_, networks, wanted) => {
    expect(readyOf(networks, 'b')).toBe(wanted);
    if (networks.length === 2) expect(readyOf(networks, 'a')).toBe('ready');
  });

  it('lets a Network go when no pod is on it any more, and says what it waits for', () => {
    const leaving = aNetwork('lan', { driver: 'bridge' }, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    const pods = ['shop/c', 'shop/a', 'shop/b', 'shop/d'];
    const waiting = applied([cluster, leaving], { lan: pods }).after[1];
    expect(waiting?.metadata.finalizers).toEqual([inUseFinalizer]);
    expect(waiting?.status?.conditions?.[0]).toMatchObject({
      status: 'False',
      reason: 'InUse',
      message: 'is deleted when these pods are gone: shop/a, shop/b, shop/c and 1 more',
    });
    expect(applied([cluster, leaving]).after[1]?.metadata.finalizers).toEqual([]);
  });

  it('never gives a number or an address twice, in whatever order Networks come and go', () => {
    const spec = fc.oneof(
      fc.constant<Network['spec']>({ driver: 'overlay' }),
      fc
        .integer({ min: 4095, max: 4099 })
        .map((vni): Network['spec'] => ({ driver: 'overlay', options: { vni: String(vni) } })),
      fc
        .integer({ min: 0, max: 3 })
        .map((i): Network['spec'] => ({ driver: 'bridge', subnets: [{ subnet: `10.${126 + i}.0.0/16` }] })),
    );
    fc.assert(
      fc.property(fc.array(fc.array(spec, { maxLength: 3 }), { maxLength: 5 }), (rounds) => {
        let networks: readonly Network[] = [cluster];
        for (const [round, specs] of rounds.entries()) {
          const came = specs.map((each, i) => aNetwork(`n${round}-${i}`, each));
          networks = applied([...networks.filter((_, i) => i === 0 || i % 3 !== round % 3), ...came]).after;
          expect(applied(networks).steps).toEqual([]);
          const ready = networks.filter(({ status }) => status?.conditions?.[0]?.status === 'True');
          const vnis = ready.flatMap(({ status }) => status?.vni ?? []);
          expect(new Set(vnis).size).toBe(vnis.length);
          const subnets = ready.flatMap(({ status }) => status?.subnets?.map(({ subnet }) => subnet) ?? []);
          expect(new Set(subnets).size).toBe(subnets.length);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('networksOfPod', () => {
  const named = (annotations: Record<string, string>) => {
    const pod = aPod({ name: 'p' });
    return networksOfPod({ ...pod, metadata: { ...pod.metadata, annotations }, spec: { ...pod.spec, nodeName: 'n' } });
  };
  const key = 'k8s.v1.cni.cncf.io/networks';
  it.each([
    [{}, []],
    [{ [key]: 'lan@net7, infra/other,wan' }, ['lan', 'wan']],
    [
      { [key]: '[{"name":"lan"},{"name":"x","namespace":"infra"}]', 'slipway.dev/default-network': 'wan' },
      ['lan', 'wan'],
    ],
    [{ [key]: 'lan', 'k8s.v1.cni.cncf.io/network-status': '[{"name":"default"},{"name":"shop/lan"}]' }, ['default']],
    [{ [key]: '[{' }, []],
  ])('reads %j', (annotations, wanted) => {
    expect(named(annotations as Record<string, string>)).toEqual(wanted);
  });
});
