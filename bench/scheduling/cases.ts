/** Table of workloads after upstream's scheduler_perf: the same shapes of nodes and pods, the same counts. */
import type { Node, Pod, PodSpec } from '@slipway/api/types';

export interface PodShape {
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: Partial<PodSpec>;
  readonly cpu?: string;
  /** Pods of one ReplicaSet per so many pods; 0 = no owner. */
  readonly perOwner?: number;
}

export interface Batch {
  readonly count: number;
  readonly shape: PodShape;
}

export interface Case {
  readonly name: string;
  readonly nodes: number;
  readonly zones: number;
  /** Scheduled before time is taken. */
  readonly before: readonly Batch[];
  /** Pods that stay pending all the time. */
  readonly unschedulable?: Batch;
  readonly measured: Batch;
}

const plain: PodShape = { namespace: 'plain' };
const affinity = (shape: PodShape, spec: NonNullable<PodSpec['affinity']>): PodShape => ({
  ...shape,
  spec: { affinity: spec },
});
const hosts = 'kubernetes.io/hostname';
const zone = 'topology.kubernetes.io/zone';
const term = (topologyKey: string, color: string) => ({
  topologyKey,
  labelSelector: { matchLabels: { color } },
  namespaces: ['measured', 'before'],
});
const spread = (whenUnsatisfiable: string): Partial<PodSpec> => ({
  topologySpreadConstraints: [
    { topologyKey: zone, maxSkew: 5, whenUnsatisfiable, labelSelector: { matchLabels: { color: 'blue' } } },
  ],
});
const green = { labels: { color: 'green' } };
const blue = { labels: { color: 'blue' } };

const apart: PodShape = affinity(
  { namespace: 'measured', ...green },
  { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(hosts, 'green')] } },
);
const together: PodShape = affinity(
  { namespace: 'measured', ...blue },
  { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(zone, 'blue')] } },
);
const preferred = (color: string) => [{ weight: 1, podAffinityTerm: term(hosts, color) }];
const likes: PodShape = affinity(
  { namespace: 'measured', labels: { color: 'red' } },
  { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred('red') } },
);
const dislikes: PodShape = affinity(
  { namespace: 'measured', labels: { color: 'yellow' } },
  { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred('yellow') } },
);
const inZone: PodShape = affinity(plain, {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: zone, operator: 'In', values: ['zone-0', 'zone-1'] }] }],
    },
  },
});
const elsewhere = (shape: PodShape): PodShape => ({ ...shape, namespace: 'before' });
const one = { nodes: 5_000, zones: 1 };
const three = { nodes: 5_000, zones: 3 };

export const cases: readonly Case[] = [
  {
    name: 'SchedulingBasic',
    ...one,
    before: [{ count: 1_000, shape: plain }],
    measured: { count: 10_000, shape: plain },
  },
  {
    name: 'pods of Deployments, spread by default',
    ...three,
    before: [{ count: 1_000, shape: plain }],
    measured: { count: 10_000, shape: { ...blue, namespace: 'measured', perOwner: 100 } },
  },
  {
    name: 'SchedulingNodeAffinity',
    ...three,
    before: [{ count: 5_000, shape: plain }],
    measured: { count: 10_000, shape: inZone },
  },
  {
    name: 'SchedulingPodAntiAffinity',
    ...one,
    before: [{ count: 1_000, shape: elsewhere(apart) }],
    measured: { count: 2_000, shape: apart },
  },
  {
    name: 'SchedulingPodAffinity',
    ...one,
    before: [{ count: 5_000, shape: elsewhere(together) }],
    measured: { count: 5_000, shape: together },
  },
  {
    name: 'SchedulingPreferredPodAffinity',
    ...one,
    before: [{ count: 5_000, shape: plain }],
    measured: { count: 5_000, shape: likes },
  },
  {
    name: 'SchedulingPreferredPodAntiAffinity',
    ...one,
    before: [{ count: 5_000, shape: plain }],
    measured: { count: 5_000, shape: dislikes },
  },
  {
    name: 'TopologySpreading',
    ...three,
    before: [{ count: 5_000, shape: plain }],
    measured: { count: 5_000, shape: { ...blue, namespace: 'measured', spec: spread('DoNotSchedule') } },
  },
  {
    name: 'PreferredTopologySpreading',
    ...three,
    before: [{ count: 5_000, shape: plain }],
    measured: { count: 5_000, shape: { ...blue, namespace: 'measured', spec: spread('ScheduleAnyway') } },
  },
  {
    name: 'MixedSchedulingBasePod',
    ...one,
    before: [plain, elsewhere(together), elsewhere(apart), elsewhere(likes), elsewhere(dislikes)].map((shape) => ({
      count: 2_000,
      shape,
    })),
    measured: { count: 5_000, shape: plain },
  },
  {
    name: 'Unschedulable (200 pods too large)',
    ...one,
    before: [],
    unschedulable: { count: 200, shape: { ...plain, cpu: '9' } },
    measured: { count: 10_000, shape: plain },
  },
  {
    name: 'PreemptionBasic (500 nodes)',
    nodes: 500,
    zones: 1,
    before: [{ count: 2_000, shape: { ...plain, cpu: '900m' } }],
    measured: { count: 500, shape: { namespace: 'measured', cpu: '3', spec: { priority: 10 } } },
  },
  {
    name: 'PreemptionBasic (5,000 nodes)',
    ...one,
    before: [{ count: 20_000, shape: { ...plain, cpu: '900m' } }],
    measured: { count: 5_000, shape: { namespace: 'measured', cpu: '3', spec: { priority: 10 } } },
  },
];

export function nodesOf(count: number, zones: number): Node[] {
  return Array.from({ length: count }, (_, i) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: `node-${i}`,
      labels: { [hosts]: `node-${i}`, [zone]: `zone-${i % zones}`, 'kubernetes.io/os': 'linux' },
    },
    spec: {},
    status: { allocatable: { cpu: '4', memory: '32Gi', pods: '110' } },
  }));
}

let made = 0;

export function podsOf({ count, shape }: Batch): Pod[] {
  const { namespace, labels = {}, spec, cpu = '100m', perOwner = 0 } = shape;
  return Array.from({ length: count }, (_, i) => {
    made++;
    const owner = perOwner > 0 ? `rs-${Math.floor(i / perOwner)}` : undefined;
    const controller = owner && {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      name: owner,
      uid: owner,
      controller: true,
    };
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `pod-${made}`,
        namespace,
        uid: `uid-${made}`,
        generation: 1,
        resourceVersion: `${made}`,
        labels: owner ? { ...labels, owner } : { ...labels },
        ...(controller ? { ownerReferences: [controller] } : {}),
      },
      spec: {
        containers: [{ name: 'pause', image: 'pause:3.10', resources: { requests: { cpu, memory: '500Mi' } } }],
        ...spec,
      },
      status: { phase: 'Pending' },
    };
  });
}
