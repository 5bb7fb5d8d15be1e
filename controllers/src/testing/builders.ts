import type {
  CronJob,
  DaemonSet,
  Deployment,
  Job,
  Node,
  Pod,
  ReplicaSet,
  Service,
  StatefulSet,
} from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';

interface PodOptions {
  readonly name?: string;
  readonly node?: string;
  readonly phase?: string;
  readonly ready?: boolean;
  readonly readySinceMs?: number;
  readonly ip?: string;
  readonly labels?: Record<string, string>;
  readonly metadata?: Pod['metadata'];
  readonly spec?: Partial<Pod['spec']>;
}

const startMs = Date.UTC(2026, 0, 1);

export function aPod(options: PodOptions = {}): Pod {
  const { ready, ip, node, name = 'pod' } = options;
  const status: Pod['status'] = {
    phase: options.phase ?? (ready ? 'Running' : 'Pending'),
    ...(ip ? { podIP: ip, podIPs: [{ ip }] } : {}),
    conditions: [
      {
        type: 'Ready',
        status: ready ? 'True' : 'False',
        lastTransitionTime: formatTime(options.readySinceMs ?? startMs),
      },
    ],
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'shop', name, labels: options.labels ?? { app: 'web' }, ...options.metadata },
    spec: { containers: [{ name: 'web', image: 'web' }], ...(node ? { nodeName: node } : {}), ...options.spec },
    status,
  };
}

export function aReplicaSet(replicas: number, more: Partial<ReplicaSet['spec']> = {}): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { namespace: 'shop', name: 'web', generation: 1 },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web' }] } },
      ...more,
    },
  };
}

export function aDeployment(replicas: number, more: Partial<Deployment['spec']> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'shop', name: 'web', generation: 1 },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: withImage('web:1'),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      ...more,
    },
  };
}

export function aStatefulSet(replicas: number, more: Partial<StatefulSet['spec']> = {}): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { namespace: 'shop', name: 'web', generation: 1 },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      serviceName: 'web',
      template: withImage('web:1'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      podManagementPolicy: 'OrderedReady',
      revisionHistoryLimit: 10,
      ...more,
    },
  };
}

export function aDaemonSet(more: Partial<DaemonSet['spec']> = {}): DaemonSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { namespace: 'shop', name: 'web', generation: 1 },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: withImage('web:1'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      revisionHistoryLimit: 10,
      ...more,
    },
  };
}

export function withImage(image: string): Deployment['spec']['template'] {
  return { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } };
}

export function aJob(more: Partial<Job['spec']> = {}, metadata: Job['metadata'] = {}): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { namespace: 'shop', name: 'work', generation: 1, ...metadata },
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      podReplacementPolicy: more.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed',
      selector: { matchLabels: { job: 'work' } },
      template: {
        metadata: { labels: { job: 'work' } },
        spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work:1' }] },
      },
      ...more,
    },
    status: {},
  };
}

export function aCronJob(more: Partial<CronJob['spec']> = {}): CronJob {
  const { selector: _, ...spec } = aJob().spec;
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { namespace: 'shop', name: 'tick', generation: 1 },
    spec: {
      schedule: '*/5 * * * *',
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: { metadata: { labels: { tick: 'yes' } }, spec },
      ...more,
    },
    status: {},
  };
}

export function aService(more: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'shop', name: 'web', labels: { team: 'shop' } },
    spec: {
      clusterIP: '10.96.0.10',
      ipFamilies: ['IPv4'],
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
      ...more,
    },
  };
}

export function aNode(
  name: string,
  ready: 'True' | 'False' | 'Unknown' | undefined,
  more: Partial<Node['spec']> = {},
): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    spec: { ...more },
    status: ready ? { conditions: [{ type: 'Ready', status: ready, reason: 'KubeletReady', message: '' }] } : {},
  };
}
