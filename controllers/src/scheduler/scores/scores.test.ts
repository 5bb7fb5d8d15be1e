import { defaultArgs, defaultProfile, type PluginArgs } from '../configuration/profile.ts';
import { aNode, aPod, SmallCluster } from '../testing/small-cluster.ts';
import type { Pod } from '@slipway/api/types';

/** Points of one score by node, or `alike`. */
function points(name: string, cluster: SmallCluster, pod: Pod, args: Partial<PluginArgs> = {}): unknown {
  const score = defaultProfile.scores.map((each) => each.score).find((each) => each.name === name);
  if (!score) throw new Error(`no score ${name}`);
  const feasible = cluster.state.nodes;
  const pending = cluster.pending(pod);
  const allArgs = { ...defaultArgs, ...args };
  if (score.isLocal) return feasible.map<unknown>(score.prepare(pending, allArgs) ?? (() => 'alike'));
  const out = new Float64Array(feasible.length);
  return score.score({ pod: pending, cluster: cluster.state, feasible, args: allArgs }, out) ? [...out] : 'alike';
}

const zone = 'topology.kubernetes.io/zone';
const inZone = (name: string, value: string) => aNode(name, { labels: { [zone]: value } });

describe('scores', () => {
  it('the fewer unwanted taints the better', () => {
    const soft = (...keys: string[]) => ({
      spec: { taints: keys.map((key) => ({ key, effect: 'PreferNoSchedule' })) },
    });
    const nodes = [aNode('a'), aNode('b', soft('k')), aNode('c', soft('k', 'l'))];
    expect(points('TaintToleration', new SmallCluster(nodes), aPod())).toEqual([100, 50, 0]);
    const tolerating = aPod({ tolerations: [{ key: 'k', operator: 'Exists' }] });
    expect(points('TaintToleration', new SmallCluster(nodes), tolerating)).toEqual([100, 100, 0]);
    expect(points('TaintToleration', new SmallCluster([aNode('a')]), aPod())).toBe('alike');
  });

  it('the more preferred nodes the better', () => {
    const prefer = (weight: number, value: string) => ({
      weight,
      preference: { matchExpressions: [{ key: zone, operator: 'In', values: [value] }] },
    });
    const nodeAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [prefer(10, 'x'), prefer(40, 'y')] };
    const cluster = new SmallCluster([inZone('a', 'x'), inZone('b', 'y'), inZone('c', 'z')]);
    expect(points('NodeAffinity', cluster, aPod({ affinity: { nodeAffinity } }))).toEqual([25, 100, 0]);
    expect(points('NodeAffinity', cluster, aPod())).toBe('alike');
  });

  it('the more room the better, in whole points', () => {
    const cluster = new SmallCluster([aNode('a'), aNode('b')], [[aPod({ cpu: '1', memory: '2Gi' }), 'b']]);
    const pod = aPod({ cpu: '500m', memory: '1Gi' });
    expect(points('NodeResourcesFit', cluster, pod)).toEqual([75, 25]);
    const fitStrategy = {
      type: 'MostAllocated',
      resources: [
        { name: 'cpu', weight: 3 },
        { name: 'memory', weight: 1 },
      ],
    } as const;
    expect(points('NodeResourcesFit', cluster, pod, { fitStrategy })).toEqual([25, 75]);
  });

  it('counts a bit for a container that asks for nothing', () => {
    const empty = () => aPod({ containers: [{ name: 'c', image: 'x' }] });
    const cluster = new SmallCluster([aNode('a', { allocatable: { cpu: '1', memory: '2000Mi' } })], [[empty(), 'a']]);
    expect(points('NodeResourcesFit', cluster, empty())).toEqual([80]);
  });

  it('likes resources used in equal parts', () => {
    const cluster = new SmallCluster([aNode('a'), aNode('b')], [[aPod({ cpu: '1', memory: '0' }), 'b']]);
    expect(points('NodeResourcesBalancedAllocation', cluster, aPod({ cpu: '1', memory: '2Gi' }))).toEqual([100, 75]);
    expect(points('NodeResourcesBalancedAllocation', cluster, aPod({ cpu: '0', memory: '0' }))).toEqual([
      'alike',
      'alike',
    ]);
  });

  it('goes where images are, unless few have them', () => {
    const images = [{ names: ['app:1'], sizeBytes: 500 * 2 ** 20 }];
    const pod = aPod({ containers: [{ name: 'c', image: 'app:1' }] });
    const few = new SmallCluster([aNode('a', { images }), aNode('b')]);
    expect(points('ImageLocality', few, pod)).toEqual([23, 0]);
    const more = new SmallCluster([aNode('a', { images }), aNode('b', { images }), aNode('c')]);
    expect(points('ImageLocality', more, pod)).toEqual([31, 31, 0]);
    more.state.setNode(aNode('a'));
    expect(points('ImageLocality', more, pod)).toEqual([0, 14, 0]);
    const other = aPod({ containers: [{ name: 'c', image: 'other' }] });
    expect(points('ImageLocality', more, other)).toBe('alike');
  });

  it('goes near to what it likes and what likes it, far from the rest', () => {
    const preferred = (weight: number) => ({
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight, podAffinityTerm: { topologyKey: zone, labelSelector: { matchLabels: { app: 'db' } } } },
      ],
    });
    const nodes = [inZone('a', 'x'), inZone('b', 'y'), inZone('c', 'z')];
    const db = () => aPod({ labels: { app: 'db' } });
    const cluster = new SmallCluster(nodes, [
      [db(), 'a'],
      [db(), 'a'],
      [db(), 'b'],
    ]);
    expect(points('InterPodAffinity', cluster, aPod({ affinity: { podAffinity: preferred(10) } }))).toEqual([
      100, 50, 0,
    ]);
    expect(points('InterPodAffinity', cluster, aPod({ affinity: { podAntiAffinity: preferred(10) } }))).toEqual([
      0, 50, 100,
    ]);
    expect(points('InterPodAffinity', cluster, aPod())).toBe('alike');
    const liked = new SmallCluster(nodes, [[aPod({ affinity: { podAffinity: preferred(10) } }), 'b']]);
    expect(points('InterPodAffinity', liked, db())).toEqual([0, 100, 0]);
    expect(points('InterPodAffinity', liked, db(), { ignorePreferredTermsOfExistingPods: true })).toBe('alike');
    const required = {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: zone, labelSelector: { matchLabels: { app: 'db' } } },
      ],
    };
    const needed = new SmallCluster(nodes, [[aPod({ affinity: { podAffinity: required } }), 'c']]);
    expect(points('InterPodAffinity', needed, db())).toEqual([0, 0, 100]);
    expect(points('InterPodAffinity', needed, db(), { hardPodAffinityWeight: 0 })).toBe('alike');
  });

  it('spreads over the domains of a soft constraint', () => {
    const constraint = {
      topologyKey: zone,
      maxSkew: 1,
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: { app: 'w' } },
    };
    const w = () => aPod({ labels: { app: 'w' }, topologySpreadConstraints: [constraint] });
    const nodes = [inZone('a', 'x'), inZone('b', 'y'), aNode('c')];
    const cluster = new SmallCluster(nodes, [
      [w(), 'a'],
      [w(), 'a'],
      [w(), 'b'],
    ]);
    const byName = Object.fromEntries(
      cluster.state.nodes.map(({ name }, i) => [name, (points('PodTopologySpread', cluster, w()) as number[])[i]]),
    );
    expect(byName).toEqual({ a: 33, b: 100, c: 0 });
  });

  it('spreads pods of one owner, or of one service, over hosts and zones by default', () => {
    const nodes = [inZone('a', 'x'), inZone('b', 'y')];
    const owned = new SmallCluster(nodes, [[aPod({ owner: 'rs' }), 'a']]);
    expect(owned.decide(aPod({ owner: 'rs' }))).toBe('b');
    expect(points('PodTopologySpread', owned, aPod())).toBe('alike');
    expect(points('PodTopologySpread', owned, aPod({ owner: 'rs' }), { spreadsByDefault: false })).toBe('alike');
    const served = new SmallCluster(nodes, [[aPod({ labels: { app: 'w', a: '1' } }), 'a']]);
    served.state.setService('default', 'w', { app: 'w' });
    const [a, b] = points('PodTopologySpread', served, aPod({ labels: { app: 'w', a: '2' } })) as number[];
    expect(b).toBeGreaterThan(a ?? 0);
  });
});
