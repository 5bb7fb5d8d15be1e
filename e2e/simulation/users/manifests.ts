/** Objects that users of the simulated cluster make. Small ones: what matters is how they change. */
import type { Deployment, KubeObject, Pod, ReplicaSet, Service } from '@slipway/api/types';
import type { Chance } from '../chance.ts';

export interface Place {
  readonly namespace: string;
  readonly name: string;
}

type PodTemplate = Deployment['spec']['template'];

function template(
  { name }: Place,
  version: number,
  chance: Chance,
  restartPolicy?: 'Never' | 'OnFailure',
): PodTemplate {
  const cpu = chance.pick(['50m', '100m', '250m']) ?? '100m';
  const tolerations = chance.strikes(0.3)
    ? [{ key: 'trouble', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: chance.between(1, 20) } as const]
    : undefined;
  return {
    metadata: { labels: { app: name } },
    spec: {
      containers: [
        { name: 'main', image: `example/${name}:${version}`, resources: { requests: { cpu, memory: '64Mi' } } },
      ],
      // Without grace a delete is a forced one: what it leaves running may meet its successor.
      terminationGracePeriodSeconds: chance.between(1, 5),
      ...(restartPolicy ? { restartPolicy } : {}),
      ...(tolerations ? { tolerations } : {}),
    },
  } as PodTemplate;
}

export function deployment(place: Place, chance: Chance): Deployment {
  const rolling = { maxSurge: chance.pick([1, 2, '25%']) ?? 1, maxUnavailable: chance.pick([0, 1, '25%']) ?? 0 };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...place, labels: { app: place.name } },
    spec: {
      replicas: chance.between(0, 6),
      selector: { matchLabels: { app: place.name } },
      template: template(place, 1, chance),
      strategy: chance.strikes(0.2) ? { type: 'Recreate' } : { type: 'RollingUpdate', rollingUpdate: rolling },
      revisionHistoryLimit: chance.between(1, 3),
      ...(chance.strikes(0.3) ? { minReadySeconds: chance.between(1, 4) } : {}),
    },
  } as Deployment;
}

export function replicaSet(place: Place, chance: Chance): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { ...place },
    spec: {
      replicas: chance.between(0, 5),
      selector: { matchLabels: { app: place.name } },
      template: template(place, 1, chance),
    },
  } as ReplicaSet;
}

export function statefulSet(place: Place, chance: Chance): KubeObject {
  const spec = {
    replicas: chance.between(0, 4),
    serviceName: place.name,
    selector: { matchLabels: { app: place.name } },
    template: template(place, 1, chance),
    podManagementPolicy: chance.strikes(0.3) ? 'Parallel' : 'OrderedReady',
  };
  return { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { ...place }, spec } as KubeObject;
}

export function daemonSet(place: Place, chance: Chance): KubeObject {
  const spec = { selector: { matchLabels: { app: place.name } }, template: template(place, 1, chance) };
  return { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { ...place }, spec } as KubeObject;
}

function jobSpec(place: Place, chance: Chance) {
  const completions = chance.between(1, 4);
  return {
    parallelism: chance.between(1, 3),
    completions,
    backoffLimit: chance.between(0, 6),
    completionMode: chance.strikes(0.5) ? 'Indexed' : 'NonIndexed',
    template: template(place, 1, chance, chance.strikes(0.5) ? 'Never' : 'OnFailure'),
  };
}

export function job(place: Place, chance: Chance): KubeObject {
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { ...place }, spec: jobSpec(place, chance) } as KubeObject;
}

export function cronJob(place: Place, chance: Chance): KubeObject {
  const spec = {
    schedule: '* * * * *',
    concurrencyPolicy: chance.pick(['Allow', 'Forbid', 'Replace']),
    successfulJobsHistoryLimit: 1,
    failedJobsHistoryLimit: 1,
    jobTemplate: { spec: jobSpec(place, chance) },
  };
  return { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { ...place }, spec } as KubeObject;
}

export function service(place: Place, chance: Chance): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...place },
    spec: {
      type: chance.strikes(0.3) ? 'NodePort' : 'ClusterIP',
      selector: { app: place.name },
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    },
  };
}

export function disruptionBudget(place: Place, chance: Chance): KubeObject {
  const bound = chance.strikes(0.5)
    ? { minAvailable: chance.pick([1, 2, '50%']) }
    : { maxUnavailable: chance.pick([0, 1, '30%']) };
  const spec = { ...bound, selector: { matchLabels: { app: place.name } } };
  return { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { ...place }, spec } as KubeObject;
}

export function quota({ namespace }: Place, chance: Chance): KubeObject {
  const spec = { hard: { pods: String(chance.between(0, 8)) } };
  return { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { namespace, name: 'limit' }, spec } as KubeObject;
}

/** Belongs to what owns it, and goes with it. */
export function ownedConfigMap({ namespace, name }: Place, owner: KubeObject, suffix: number): KubeObject {
  const { apiVersion, kind, metadata } = owner;
  const ownerReferences = [{ apiVersion, kind, name: metadata.name ?? '', uid: metadata.uid ?? '' }];
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name: `${name}-${suffix}`, ownerReferences },
  };
  return object as KubeObject;
}

/** A pod that nobody owns. */
export function pod(place: Place, chance: Chance): Pod {
  const { spec } = template(place, 1, chance, chance.pick([undefined, 'Never', 'OnFailure']));
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...place, labels: { alone: place.name } }, spec } as Pod;
}
