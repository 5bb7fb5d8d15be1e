import { aNode, aPod, SmallCluster } from '../testing/small-cluster.ts';
import { parseSchedulerConfiguration } from './parse-configuration.ts';
import { defaultProfile, type Profile } from './profile.ts';

const head = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };

function profileFrom(profile: object): Profile {
  const [first] = parseSchedulerConfiguration({ ...head, profiles: [profile] }).profiles;
  if (!first) throw new Error('no profile');
  return first;
}
const withArgs = (name: string, args: object) => profileFrom({ pluginConfig: [{ name, args }] });

describe('parseSchedulerConfiguration', () => {
  it('gives upstream defaults where nothing is said', () => {
    expect(parseSchedulerConfiguration(head)).toEqual({
      profiles: [defaultProfile],
      podInitialBackoffMs: 1_000,
      podMaxBackoffMs: 10_000,
    });
  });

  it('names everything that is wrong or not served, with its path', () => {
    const parse = () =>
      parseSchedulerConfiguration({
        ...head,
        kind: 'Pod',
        extenders: [],
        podInitialBackoffSeconds: 20,
        profiles: [
          { schedulerName: 'a', plugins: { score: { enabled: [{ name: 'Custom' }] }, reserve: {} } },
          { schedulerName: 'a', pluginConfig: [{ name: 'InterPodAffinity', args: { hardPodAffinityWeight: 101 } }] },
          { pluginConfig: [{ name: 'VolumeBinding', args: {} }], percentageOfNodesToScore: '5' },
        ],
      });
    expect(parse).toThrow(
      [
        'kind: must be KubeSchedulerConfiguration',
        'podMaxBackoffSeconds: must not be less than podInitialBackoffSeconds',
        'profiles[0].plugins.score.enabled[0].name: "Custom" is not served here; TaintToleration, NodeAffinity, NodeResourcesFit, NodeResourcesBalancedAllocation, PodTopologySpread, InterPodAffinity, ImageLocality are',
        'profiles[0].plugins.reserve: is not served',
        'profiles[1].pluginConfig[0].args.hardPodAffinityWeight: must be a whole number from 0 to 100',
        'profiles[2].pluginConfig[0].name: arguments of "VolumeBinding" are not served; DefaultPreemption, InterPodAffinity, NodeAffinity, NodeResourcesBalancedAllocation, NodeResourcesFit, PodTopologySpread are',
        'profiles[2].percentageOfNodesToScore: must be a whole number from 0 to 100',
        'profiles[1].schedulerName: a is there twice',
        'extenders: is not served',
      ].join('\n'),
    );
  });

  it('switches plugins off and on, and weighs them', () => {
    const names = ({ filters, scores }: Profile) => [
      filters.map(({ name }) => name),
      scores.map(({ score, weight }) => `${score.name} ${weight}`),
    ];
    const few = profileFrom({
      plugins: {
        multiPoint: {
          disabled: [{ name: '*' }],
          enabled: [{ name: 'NodeResourcesFit', weight: 7 }, { name: 'PrioritySort' }],
        },
        score: { enabled: [{ name: 'ImageLocality', weight: 2 }] },
      },
    });
    expect(names(few)).toEqual([['NodeResourcesFit'], ['NodeResourcesFit 7', 'ImageLocality 2']]);
    expect(few.preempts).toBe(false);
    const taintless = profileFrom({ plugins: { filter: { disabled: [{ name: 'TaintToleration' }] } } });
    const tainted = aNode('a', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } });
    expect(new SmallCluster([tainted], [], { profile: taintless }).decide(aPod())).toBe('a');
    expect(() => profileFrom({ plugins: { multiPoint: { disabled: [{ name: 'SchedulingGates' }] } } })).toThrow(
      'SchedulingGates cannot be switched off',
    );
  });

  it('gives NodeResourcesFit its strategy', () => {
    const nodes = [aNode('full'), aNode('half'), aNode('empty')];
    const placed = [
      [aPod({ cpu: '1500m', memory: '3Gi' }), 'full'],
      [aPod({ cpu: '900m', memory: '2Gi' }), 'half'],
    ] as const;
    const decide = (scoringStrategy: object) =>
      new SmallCluster(nodes, placed, { profile: withArgs('NodeResourcesFit', { scoringStrategy }) }).decide(
        aPod({ cpu: '100m', memory: '200Mi' }),
      );
    const resources = [
      { name: 'cpu', weight: 1 },
      { name: 'memory', weight: 1 },
    ];
    expect(decide({ type: 'LeastAllocated' })).toBe('empty');
    expect(decide({ type: 'MostAllocated', resources })).toBe('full');
    const shape = [
      { utilization: 0, score: 0 },
      { utilization: 50, score: 10 },
      { utilization: 100, score: 0 },
    ];
    expect(decide({ type: 'RequestedToCapacityRatio', resources, requestedToCapacityRatio: { shape } })).toBe('half');
    expect(() => decide({ type: 'RequestedToCapacityRatio' })).toThrow('shape: must have at least one point');
  });

  it('ignores resources that it is told to', () => {
    const pod = aPod({ containers: [{ name: 'c', image: 'x', resources: { requests: { 'example.com/gpu': '1' } } }] });
    expect(new SmallCluster([aNode('a')]).decide(pod)).toBe('0/1 nodes are available: 1 Insufficient example.com/gpu.');
    const profile = withArgs('NodeResourcesFit', { ignoredResourceGroups: ['example.com'] });
    expect(new SmallCluster([aNode('a')], [], { profile }).decide(pod)).toBe('a');
  });

  it('adds node affinity to every pod of the profile', () => {
    const match = (value: string) => ({ matchExpressions: [{ key: 'pool', operator: 'In', values: [value] }] });
    const profile = withArgs('NodeAffinity', {
      addedAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [match('blue')] } },
    });
    const nodes = [aNode('a', { labels: { pool: 'red' } }), aNode('b', { labels: { pool: 'blue' } })];
    expect(new SmallCluster(nodes, [], { profile }).decide(aPod())).toBe('b');
    expect(new SmallCluster(nodes.slice(0, 1), [], { profile }).decide(aPod())).toBe(
      "0/1 nodes are available: 1 node(s) didn't match scheduler-enforced node affinity.",
    );
  });

  it('spreads by its own default constraints', () => {
    const profile = withArgs('PodTopologySpread', {
      defaultingType: 'List',
      defaultConstraints: [{ topologyKey: 'zone', maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' }],
    });
    const zone = (name: string, value: string) => aNode(name, { labels: { zone: value } });
    const web = () => aPod({ owner: 'web', labels: { app: 'web' } });
    const full = aNode('b', { labels: { zone: 'y' }, allocatable: { pods: '0' } });
    const cluster = new SmallCluster([zone('a', 'x'), full], [[web(), 'a']], { profile });
    expect(cluster.decide(web())).toBe(
      "0/2 nodes are available: 1 Too many pods, 1 node(s) didn't match pod topology spread constraints.",
    );
    expect(cluster.decide(aPod())).toBe('a');
  });
});
