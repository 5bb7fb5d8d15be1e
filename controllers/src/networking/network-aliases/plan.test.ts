import type { EndpointSlice, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { indexOn } from '../../runtime/controller-definition.ts';
import { aPod } from '../../testing/builders.ts';
import { expectSettles } from '../../testing/plan-laws.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { aliasesOfPod, networkStatusAnnotation, networksAnnotation } from './aliases-of-pod.ts';
import { observeAliases, podIndex, podOfSlice } from './observe.ts';
import { planAliases } from './plan.ts';

const controller = { observe: observeAliases, plan: planAliases };
const key = 'shop/a';
const status = [
  { name: 'default', interface: 'eth0', ips: ['10.64.0.5'], default: true },
  { name: 'lan', interface: 'net1', ips: ['192.0.2.5', 'fd00::5'] },
  { name: 'back', interface: 'store', ips: ['192.0.3.5'] },
];

function podOn(networks: unknown, statuses: unknown = status, more: Partial<Pod['metadata']> = {}): Pod {
  const pod = aPod({ name: 'a', ready: false, node: 'n1' });
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  const annotations = { [networksAnnotation]: text(networks), [networkStatusAnnotation]: text(statuses) };
  return { ...pod, metadata: { ...pod.metadata, annotations, ...more } };
}

describe('aliasesOfPod', () => {
  it('finds the addresses by the interface, named or counted', () => {
    const pod = podOn([
      { name: 'lan', aliases: ['DB', 'db', 'main'] },
      { name: 'back', interface: 'store', aliases: ['db'] },
    ]);
    expect(aliasesOfPod(pod)).toEqual([
      { network: 'lan', aliases: ['db', 'main'], addresses: ['192.0.2.5', 'fd00::5'] },
      { network: 'back', aliases: ['db'], addresses: ['192.0.3.5'] },
    ]);
  });

  it.each<[string, unknown, unknown]>([
    ['the short form', 'lan,back@store', status],
    ['no network yet', [{ name: 'lan', aliases: ['db'] }], []],
    ['names that are none', [{ name: 'lan', aliases: ['a.b', '-x', '', 7] }], status],
    ['a malformed list', '[{', status],
    ['a malformed status', [{ name: 'lan', aliases: ['db'] }], 'x'],
    ['addresses that are none', [{ name: 'lan', aliases: ['db'] }], [{ name: 'lan', interface: 'net1', ips: ['x'] }]],
  ])('finds none in %s', (_, networks, statuses) => {
    expect(aliasesOfPod(podOn(networks, statuses))).toEqual([]);
  });
});

describe('planAliases', () => {
  const aWorld = (pod: Pod) => {
    const world = new PlanWorld([indexOn(kinds.endpointSlices, podIndex, podOfSlice)]);
    world.put(kinds.pods, pod);
    return { world, slices: () => world.list(kinds.endpointSlices) as EndpointSlice[] };
  };

  it('tells names family by family, follows them, and takes them back when the pod ends', () => {
    const { world, slices } = aWorld(podOn([{ name: 'lan', aliases: ['db', 'main'] }]));
    expectSettles(world, controller, kinds.pods, key);
    expect(slices()).toMatchObject([
      {
        addressType: 'IPv4',
        metadata: {
          annotations: { 'slipway.dev/network': 'lan', 'slipway.dev/pod': 'a' },
          ownerReferences: [{ kind: 'Pod' }],
        },
        endpoints: [
          { addresses: ['192.0.2.5'], hostname: 'db', nodeName: 'n1' },
          { addresses: ['192.0.2.5'], hostname: 'main' },
        ],
      },
      { addressType: 'IPv6', endpoints: [{ addresses: ['fd00::5'] }, { addresses: ['fd00::5'] }] },
    ]);
    const names = slices().map(({ metadata }) => metadata.name);
    world.put(kinds.pods, podOn([{ name: 'lan', aliases: ['other'] }]));
    expectSettles(world, controller, kinds.pods, key);
    expect(slices().map(({ metadata }) => metadata.name)).toEqual(names);
    expect(slices()).toMatchObject([{ endpoints: [{ hostname: 'other' }] }, { endpoints: [{ hostname: 'other' }] }]);
    world.put(
      kinds.pods,
      podOn([{ name: 'lan', aliases: ['other'] }], status, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    );
    expectSettles(world, controller, kinds.pods, key);
    expect(slices()).toEqual([]);
  });
});
