import type { Pod, PodDisruptionBudget } from '@slipway/api/types';
import { aNode, aPod, type PodTraits, SmallCluster } from '../testing/small-cluster.ts';

const low = (name: string, traits: PodTraits = {}) => aPod({ name, cpu: '1', priority: 1, ...traits });
const high = (traits: PodTraits = {}) => aPod({ name: 'high', cpu: '2', priority: 100, ...traits });
const startedAt = (seconds: number): Pod['status'] => ({ startTime: new Date(seconds * 1000).toISOString() });

function budget(name: string, labels: Record<string, string>, disruptionsAllowed: number): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace: 'default' },
    spec: { selector: { matchLabels: labels } },
    status: { disruptionsAllowed, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
  };
}

describe('planPreemption', () => {
  it('evicts no more than it must, and gives the more important back first', () => {
    const cluster = new SmallCluster(
      [aNode('a')],
      [
        [low('small', { cpu: '500m', priority: 5 }), 'a'],
        [low('big', { cpu: '1500m' }), 'a'],
      ],
    );
    expect(cluster.victims(high({ cpu: '1' }))).toBe('a: big');
    expect(cluster.victims(high({ cpu: '1800m' }))).toBe('a: small big');
  });

  it('leaves pods of equal or higher priority alone', () => {
    const cluster = new SmallCluster(
      [aNode('a')],
      [
        [low('same', { priority: 100 }), 'a'],
        [low('above', { priority: 200 }), 'a'],
      ],
    );
    expect(cluster.victims(high())).toBe(
      'preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    );
  });

  it('says where evicting is of no use', () => {
    const cluster = new SmallCluster(
      [aNode('a'), aNode('b', { spec: { unschedulable: true } }), aNode('c', { allocatable: { cpu: '1' } })],
      [
        [low('stays', { priority: 1000, cpu: '1500m' }), 'a'],
        [low('goes', { cpu: '500m' }), 'a'],
      ],
    );
    expect(cluster.victims(high())).toBe(
      'preemption: 0/3 nodes are available: 1 Insufficient cpu, 2 Preemption is not helpful for scheduling.',
    );
  });

  it('does nothing for a pod that may not preempt', () => {
    const cluster = new SmallCluster([aNode('a')], [[low('x', { cpu: '2' }), 'a']]);
    expect(cluster.victims(high({ preemptionPolicy: 'Never' }))).toBe(
      'preemption: not eligible due to preemptionPolicy=Never.',
    );
  });

  it('waits for victims that are on their way out', () => {
    const cluster = new SmallCluster([aNode('a')]);
    const preempted = low('x', {
      cpu: '2',
      terminating: true,
      status: { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }] },
    });
    cluster.place(preempted, 'a');
    const pod = high();
    cluster.state.nominations.set(cluster.pending(pod), 'a');
    expect(cluster.victims(pod)).toBe('preemption: not eligible due to a terminating pod on the nominated node.');
  });

  describe('choice of the node', () => {
    const cases: [string, Record<string, Pod[]>, string][] = [
      [
        'the lowest highest priority',
        { a: [low('x', { priority: 5, cpu: '2' })], b: [low('y', { priority: 4, cpu: '2' })] },
        'b: y',
      ],
      [
        'the lowest sum of priorities',
        {
          a: [low('x', { priority: 5 }), low('y', { priority: 4 })],
          b: [low('z', { priority: 5 }), low('w', { priority: 3 })],
        },
        'b: z w',
      ],
      [
        'the fewest victims, also below zero',
        { a: [low('x', { priority: -5 }), low('y', { priority: -5 })], b: [low('z', { priority: -5, cpu: '2' })] },
        'b: z',
      ],
      [
        'the youngest victims',
        { a: [low('x', { cpu: '2', status: startedAt(10) })], b: [low('y', { cpu: '2', status: startedAt(20) })] },
        'b: y',
      ],
    ];
    it.each(cases)('takes %s', (_name, placed, expected) => {
      const pods = Object.entries(placed).flatMap(([node, list]) => list.map((pod) => [pod, node] as const));
      expect(new SmallCluster([aNode('a'), aNode('b')], pods).victims(high())).toBe(expected);
    });

    it('goes where no budget is overdrawn, even at the cost of higher priorities', () => {
      const cluster = new SmallCluster(
        [aNode('a'), aNode('b')],
        [
          [low('guarded', { cpu: '2', labels: { app: 'db' } }), 'a'],
          [low('free', { cpu: '2', priority: 50 }), 'b'],
        ],
      );
      cluster.budgets = [budget('db', { app: 'db' }, 0)];
      expect(cluster.victims(high())).toBe('b: free');
    });
  });

  it('spares pods of exhausted budgets before more important ones', () => {
    const guarded = { labels: { app: 'db' } };
    const cluster = new SmallCluster(
      [aNode('a')],
      [
        [low('guarded', guarded), 'a'],
        [low('free', { priority: 50 }), 'a'],
      ],
    );
    cluster.budgets = [budget('db', { app: 'db' }, 0)];
    expect(cluster.victims(high({ cpu: '1' }))).toBe('a: free');
    cluster.budgets = [budget('db', { app: 'db' }, 1)];
    expect(cluster.victims(high({ cpu: '1' }))).toBe('a: guarded');
  });

  it('makes room by host port, anti-affinity and spread too', () => {
    const ports = [{ name: 'c', image: 'x', ports: [{ containerPort: 80, hostPort: 80 }] }];
    const byPort = new SmallCluster(
      [aNode('a')],
      [
        [low('x', { containers: ports }), 'a'],
        [low('y', { cpu: '10m' }), 'a'],
      ],
    );
    expect(byPort.victims(high({ containers: ports }))).toBe('a: x');

    const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'db' } } };
    const apart = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    const own = new SmallCluster(
      [aNode('a')],
      [
        [low('x', { labels: { app: 'db' } }), 'a'],
        [low('y', { cpu: '10m' }), 'a'],
      ],
    );
    expect(own.victims(high({ cpu: '100m', affinity: apart }))).toBe('a: x');
    const theirs = new SmallCluster(
      [aNode('a')],
      [
        [low('x', { affinity: apart }), 'a'],
        [low('y', { cpu: '10m' }), 'a'],
      ],
    );
    expect(theirs.victims(high({ cpu: '100m', labels: { app: 'db' } }))).toBe('a: x');

    const constraint = {
      topologyKey: 'kubernetes.io/hostname',
      maxSkew: 1,
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 'w' } },
    };
    const w = { labels: { app: 'w' }, cpu: '100m' };
    const spread = new SmallCluster(
      [aNode('a'), aNode('b', { spec: { unschedulable: true } })],
      [
        [low('x', w), 'a'],
        [low('y', { ...w, priority: 2 }), 'a'],
        [low('z', w), 'b'],
      ],
    );
    expect(spread.victims(high({ ...w, topologySpreadConstraints: [constraint] }))).toBe('a: x');
  });

  it('leaves the cluster as it found it', () => {
    const cluster = new SmallCluster([aNode('a')], [[low('x', { cpu: '2' }), 'a']]);
    const { version } = cluster.state;
    const before = cluster.decide(high());
    cluster.preempt(high());
    expect(cluster.state.version).toBe(version);
    expect(cluster.decide(high())).toBe(before);
    expect(cluster.state.nodes[0]?.requested.cpu).toBe(2000);
  });

  it('sees room that is promised to a more important pod as taken, and outranks lesser promises', () => {
    const cluster = new SmallCluster([aNode('a')]);
    cluster.state.nominations.set(cluster.pending(aPod({ name: 'vip', cpu: '2', priority: 100 })), 'a');
    expect(cluster.decide(aPod({ cpu: '1', priority: 50 }))).toBe('0/1 nodes are available: 1 Insufficient cpu.');
    expect(cluster.decide(aPod({ cpu: '1', priority: 500 }))).toBe('a');
    cluster.place(low('x', { cpu: '2' }), 'a');
    const plan = cluster.preempt(aPod({ cpu: '1', priority: 500 }));
    expect(plan.outcome === 'evict' && plan.outranked.map(({ name }) => name)).toEqual(['vip']);
  });
});
