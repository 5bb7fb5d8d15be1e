import type { Node, Pod } from '@slipway/api/types';
import { seededRandom } from '@slipway/kit/random';
import { ClusterState } from './cluster-state.ts';
import { schedule } from './cycle.ts';
import { podInfoFrom } from './pod-info.ts';

function aNode(
  name: string,
  extra: { labels?: Record<string, string>; spec?: Node['spec']; allocatable?: Record<string, string> } = {},
): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...extra.labels } },
    spec: extra.spec ?? {},
    status: { allocatable: { cpu: '2', memory: '4Gi', pods: '10', ...extra.allocatable } },
  };
}

let uid = 0;
function aPod(
  extra: { labels?: Record<string, string>; owner?: string; cpu?: string } & Partial<Pod['spec']> = {},
): Pod {
  const { labels, owner, cpu, ...spec } = extra;
  uid++;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `p${uid}`,
      namespace: 'default',
      uid: `u${uid}`,
      labels: labels ?? {},
      ...(owner
        ? {
            ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true }],
          }
        : {}),
    },
    spec: {
      containers: [{ name: 'c', image: 'x', resources: { requests: { cpu: cpu ?? '100m', memory: '64Mi' } } }],
      ...spec,
    },
  };
}

function cluster(nodes: readonly Node[], placed: readonly (readonly [Pod, string])[] = []): ClusterState {
  const state = new ClusterState();
  for (const node of nodes) state.setNode(node);
  for (const [pod, name] of placed) state.placePod(podInfoFrom(pod), name);
  return state;
}

function decide(state: ClusterState, pod: Pod): string {
  const decision = schedule(podInfoFrom(pod), state.nodes, seededRandom(1));
  return 'node' in decision ? decision.node : decision.unschedulable.message;
}

const victims = (count: number, nodes = count) =>
  `preemption: 0/${nodes} nodes are available: ${count} No preemption victims found for incoming pod.`;
const unhelpful = (count: number, nodes = count) =>
  `preemption: 0/${nodes} nodes are available: ${count} Preemption is not helpful for scheduling.`;

describe('schedule', () => {
  it('says that there are no nodes', () => {
    expect(decide(cluster([]), aPod())).toBe('no nodes available to schedule pods');
  });

  it('counts reasons over nodes in upstream words', () => {
    const state = cluster(
      [aNode('a'), aNode('b'), aNode('c', { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] } })],
      [[aPod({ cpu: '1900m' }), 'a']],
    );
    expect(decide(state, aPod({ cpu: '3' }))).toBe(
      '0/3 nodes are available: 1 node(s) had untolerated taint {k: v}, 2 Insufficient cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
    );
    expect(decide(state, aPod({ cpu: '1' }))).toBe('b');
  });

  it.each([
    ['too many pods', { allocatable: { pods: '0' } }, {}, `0/1 nodes are available: 1 Too many pods. ${victims(1)}`],
    [
      'cordoned',
      { spec: { unschedulable: true } },
      {},
      `0/1 nodes are available: 1 node(s) were unschedulable. ${unhelpful(1)}`,
    ],
    [
      'selector',
      {},
      { nodeSelector: { disk: 'ssd' } },
      `0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. ${unhelpful(1)}`,
    ],
  ] as const)('explains %s', (_name, node, pod, message) => {
    expect(decide(cluster([aNode('a', node)]), aPod(pod))).toBe(message);
  });

  it('tolerates what the pod tolerates', () => {
    const state = cluster([aNode('a', { spec: { unschedulable: true, taints: [{ key: 'k', effect: 'NoExecute' }] } })]);
    expect(decide(state, aPod({ tolerations: [{ operator: 'Exists' }] }))).toBe('a');
  });

  it('keeps host ports apart, also by protocol and address', () => {
    const withPort = (hostPort: number, hostIP?: string, protocol = 'TCP') =>
      aPod({
        containers: [
          { name: 'c', image: 'x', ports: [{ containerPort: 80, hostPort, protocol, ...(hostIP ? { hostIP } : {}) }] },
        ],
      });
    const state = cluster([aNode('a')], [[withPort(80, '10.0.0.1'), 'a']]);
    expect(decide(state, withPort(80))).toContain("didn't have free ports");
    expect(decide(state, withPort(80, '10.0.0.2'))).toBe('a');
    expect(decide(state, withPort(80, undefined, 'UDP'))).toBe('a');
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
    expect(decide(cluster(nodes), aPod(affinity('Gt', ['5'])))).toBe('b');
    expect(decide(cluster(nodes), aPod(affinity('NotIn', ['8'])))).toBe('a');
  });

  it('spreads the pods of one owner over hosts', () => {
    const state = cluster([aNode('a'), aNode('b'), aNode('c')]);
    const chosen = Array.from({ length: 6 }, () => {
      const pod = aPod({ owner: 'rs' });
      const node = decide(state, pod);
      state.placePod(podInfoFrom(pod), node);
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
    const state = cluster([zone('a', 'x'), zone('b', 'y')], [[pod(), 'a']]);
    expect(decide(state, pod())).toBe('b');
    const full = cluster(
      [zone('a', 'x'), aNode('b', { labels: { zone: 'y' }, allocatable: { pods: '0' } })],
      [[pod(), 'a']],
    );
    expect(decide(full, pod())).toBe(
      `0/2 nodes are available: 1 Too many pods, 1 node(s) didn't match pod topology spread constraints. ${victims(2)}`,
    );
  });

  it('holds pods together and apart, both ways round', () => {
    const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'db' } } };
    const required = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
    const state = cluster([aNode('a'), aNode('b')], [[aPod({ labels: { app: 'db' } }), 'a']]);
    expect(decide(state, aPod({ affinity: { podAffinity: required } }))).toBe('a');
    expect(decide(state, aPod({ affinity: { podAntiAffinity: required } }))).toBe('b');
    const guarded = cluster([aNode('a')], [[aPod({ affinity: { podAntiAffinity: required } }), 'a']]);
    expect(decide(guarded, aPod({ labels: { app: 'db' } }))).toContain(
      "1 node(s) didn't satisfy existing pods anti-affinity rules",
    );
  });

  it('lets the first pod of a group that wants its own kind start', () => {
    const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'w' } } };
    const pod = aPod({
      labels: { app: 'w' },
      affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
    });
    expect(decide(cluster([aNode('a')]), pod)).toBe('a');
  });
});

describe('podInfoFrom', () => {
  it('takes the larger of running containers and init steps, with sidecars and overhead', () => {
    const container = (name: string, cpu: string, restartPolicy?: string) => ({
      name,
      image: 'x',
      resources: { requests: { cpu } },
      ...(restartPolicy ? { restartPolicy } : {}),
    });
    const info = podInfoFrom(
      aPod({
        containers: [container('a', '100m'), container('b', '200m')],
        initContainers: [container('side', '50m', 'Always'), container('init', '1')],
        overhead: { cpu: '10m' },
      }),
    );
    expect(info.requests.get('cpu')).toBe(1060);
  });
});
