import { aNode, aPod, SmallCluster } from '../testing/small-cluster.ts';

describe('schedule', () => {
  it('says that there are no nodes', () => {
    expect(new SmallCluster([]).decide(aPod())).toBe('no nodes available to schedule pods');
  });

  it('counts reasons over nodes in upstream words', () => {
    const state = new SmallCluster(
      [aNode('a'), aNode('b'), aNode('c', { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] } })],
      [[aPod({ cpu: '1900m' }), 'a']],
    );
    expect(state.decide(aPod({ cpu: '3' }))).toBe(
      '0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.',
    );
    expect(state.decide(aPod({ cpu: '1' }))).toBe('b');
  });

  it.each([
    ['too many pods', { allocatable: { pods: '0' } }, {}, `0/1 nodes are available: 1 Too many pods.`],
    ['cordoned', { spec: { unschedulable: true } }, {}, `0/1 nodes are available: 1 node(s) were unschedulable.`],
    [
      'selector',
      {},
      { nodeSelector: { disk: 'ssd' } },
      `0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.`,
    ],
  ] as const)('explains %s', (_name, node, pod, message) => {
    expect(new SmallCluster([aNode('a', node)]).decide(aPod(pod))).toBe(message);
  });

  it('tolerates what the pod tolerates', () => {
    const state = new SmallCluster([
      aNode('a', { spec: { unschedulable: true, taints: [{ key: 'k', effect: 'NoExecute' }] } }),
    ]);
    expect(state.decide(aPod({ tolerations: [{ operator: 'Exists' }] }))).toBe('a');
  });

  it('keeps host ports apart, also by protocol and address', () => {
    const withPort = (hostPort: number, hostIP?: string, protocol = 'TCP') =>
      aPod({
        containers: [
          { name: 'c', image: 'x', ports: [{ containerPort: 80, hostPort, protocol, ...(hostIP ? { hostIP } : {}) }] },
        ],
      });
    const state = new SmallCluster([aNode('a')], [[withPort(80, '10.0.0.1'), 'a']]);
    expect(state.decide(withPort(80))).toContain("didn't have free ports");
    expect(state.decide(withPort(80, '10.0.0.2'))).toBe('a');
    expect(state.decide(withPort(80, undefined, 'UDP'))).toBe('a');
  });

  it('honours node affinity terms', () => {
    const nodes = [
      aNode('a', { labels: { zone: 'x', cores: '4' } }),
      aNode('b', { labels: { zone: 'y', cores: '8' } }),
    ];
    const affinity = (operator: string, values: string[]) => ({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'cores', operator, values }] }],
          },
        },
      },
    });
    expect(new SmallCluster(nodes).decide(aPod(affinity('Gt', ['5'])))).toBe('b');
    expect(new SmallCluster(nodes).decide(aPod(affinity('NotIn', ['8'])))).toBe('a');
  });

  it('spreads the pods of one owner over hosts', () => {
    const state = new SmallCluster([aNode('a'), aNode('b'), aNode('c')]);
    const chosen = Array.from({ length: 6 }, () => {
      const pod = aPod({ owner: 'rs' });
      const node = state.decide(pod);
      state.place(pod, node);
      return node;
    });
    expect(chosen.sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  });

  it('holds a hard topology spread', () => {
    const zone = (name: string, value: string) => aNode(name, { labels: { zone: value } });
    const constraint = {
      topologyKey: 'zone',
      maxSkew: 1,
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 'w' } },
    };
    const pod = () => aPod({ labels: { app: 'w' }, topologySpreadConstraints: [constraint] });
    const state = new SmallCluster([zone('a', 'x'), zone('b', 'y')], [[pod(), 'a']]);
    expect(state.decide(pod())).toBe('b');
    const full = new SmallCluster(
      [zone('a', 'x'), aNode('b', { labels: { zone: 'y' }, allocatable: { pods: '0' } })],
      [[pod(), 'a']],
    );
    expect(full.decide(pod())).toBe(
      `0/2 nodes are available: 1 Too many pods, 1 node(s) didn't match pod topology spread constraints.`,
    );
  });

  it('holds pods together and apart, both ways round', () => {
    const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'db' } } };
    const required = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
    const state = new SmallCluster([aNode('a'), aNode('b')], [[aPod({ labels: { app: 'db' } }), 'a']]);
    expect(state.decide(aPod({ affinity: { podAffinity: required } }))).toBe('a');
    expect(state.decide(aPod({ affinity: { podAntiAffinity: required } }))).toBe('b');
    const guarded = new SmallCluster([aNode('a')], [[aPod({ affinity: { podAntiAffinity: required } }), 'a']]);
    expect(guarded.decide(aPod({ labels: { app: 'db' } }))).toContain(
      "1 node(s) didn't satisfy existing pods anti-affinity rules",
    );
  });

  it('lets the first pod of a group that wants its own kind start', () => {
    const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'w' } } };
    const pod = aPod({
      labels: { app: 'w' },
      affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
    });
    expect(new SmallCluster([aNode('a')]).decide(pod)).toBe('a');
  });
});
