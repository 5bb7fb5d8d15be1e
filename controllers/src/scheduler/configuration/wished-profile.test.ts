import { parsePlacement, placementAnnotation } from '@slipway/api/placement-wishes';
import type { Node, Pod } from '@slipway/api/types';
import { aNode, aPod, type PodTraits, SmallCluster } from '../testing/small-cluster.ts';

const zone = 'topology.kubernetes.io/zone';
const labels = { app: 'web' };
const spread = [
  {
    maxSkew: 1,
    topologyKey: zone,
    whenUnsatisfiable: 'ScheduleAnyway' as const,
    labelSelector: { matchLabels: labels },
  },
];

function wishing(placement: string, traits: PodTraits = {}): Pod {
  const pod = aPod({ labels, ...traits });
  return { ...pod, metadata: { ...pod.metadata, annotations: { [placementAnnotation]: placement } } };
}

/** Where so many pods go, one after the other. */
function placesOf(nodes: readonly Node[], there: readonly (readonly [Pod, string])[], pods: readonly Pod[]): string[] {
  const cluster = new SmallCluster(nodes, there);
  return pods.map((pod) => {
    const name = cluster.decide(pod);
    cluster.place(pod, name);
    return name;
  });
}

const roomy = (name: string, where: string, memory = '4Gi') =>
  aNode(name, { labels: { [zone]: where }, allocatable: { memory, cpu: '4' } });

describe('what a pod wishes of its place', () => {
  it('packs: the fullest node that takes it, until it is full', () => {
    const nodes = [roomy('a', 'x'), roomy('b', 'x'), roomy('c', 'y')];
    const there = [[aPod({ memory: '1Gi' }), 'b']] as const;
    const pods = Array.from({ length: 4 }, () => wishing('binpack:memory', { memory: '1Gi' }));
    expect(placesOf(nodes, there, pods).slice(0, 3)).toEqual(['b', 'b', 'b']);
    expect(placesOf(nodes, there, pods)[3]).not.toBe('b');
  });

  it('packs by what is left over, not by the share', () => {
    const nodes = [roomy('large', 'x', '16Gi'), roomy('small', 'x', '2Gi')];
    const there = [[aPod({ memory: '8Gi' }), 'large']] as const;
    expect(placesOf(nodes, there, [wishing('binpack:memory', { memory: '1Gi' })])).toEqual(['small']);
  });

  it('packs by cpu where that is asked for', () => {
    const nodes = [roomy('a', 'x'), roomy('b', 'x')];
    const there = [
      [aPod({ memory: '2Gi', cpu: '100m' }), 'a'],
      [aPod({ memory: '100Mi', cpu: '2' }), 'b'],
    ] as const;
    expect(placesOf(nodes, there, [wishing('binpack:cpu'), wishing('binpack:cpu')])).toEqual(['b', 'b']);
    expect(placesOf(nodes, there, [wishing('binpack:memory')])).toEqual(['a']);
  });

  it('spreads over zones first and packs within them, in order', () => {
    const nodes = [roomy('a1', 'a'), roomy('a2', 'a'), roomy('b1', 'b'), roomy('b2', 'b')];
    const pods = Array.from({ length: 6 }, () =>
      wishing('spread, binpack:memory', { memory: '512Mi', topologySpreadConstraints: spread }),
    );
    const places = placesOf(
      nodes,
      [
        [aPod({ memory: '256Mi' }), 'a2'],
        [aPod({ memory: '256Mi' }), 'b1'],
      ],
      pods,
    );
    expect(places.toSorted()).toEqual(['a2', 'a2', 'a2', 'b1', 'b1', 'b1']);
  });

  it('random: a full node is as good as an empty one', () => {
    const nodes = [roomy('a', 'x'), roomy('b', 'x')];
    const there = [[aPod({ memory: '2Gi' }), 'a']] as const;
    const places = placesOf(
      nodes,
      there,
      Array.from({ length: 12 }, () => wishing('random', { cpu: '1m', memory: '1Mi' })),
    );
    expect(new Set(places)).toEqual(new Set(['a', 'b']));
  });

  it('is nothing where it is not understood', () => {
    expect(parsePlacement('binpack:disk')).toBeUndefined();
    expect(parsePlacement('spread,binpack:cpu')).toEqual(['spread', 'binpack:cpu']);
  });
});
