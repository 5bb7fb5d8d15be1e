/**
 * A cluster of ECS and the namespace of its name. The namespace is made when it is missing and never removed. A cluster that is deleted
 * stays while it has services or tasks: ECS refuses to delete it then, and its namespace would keep them running for nobody.
 */
import type { Cluster, ClusterStatus, ContainerInstance, Service, Task } from '@slipway/api/ecs/kinds';
import { clusterLosses } from '@slipway/api/ecs/without-effect';
import { kinds } from '@slipway/client/kinds';
import type { Plan, Step } from '../../runtime/step.ts';
import { conditionsOf, effectOf } from '../task/task-status.ts';

export const clusterFinalizer = 'slipway.dev/ecs';

export interface ObservedCluster {
  readonly cluster: Cluster;
  readonly hasNamespace: boolean;
  /** Of its namespace. */
  readonly tasks: readonly Task[];
  readonly services: readonly Service[];
  readonly instances: readonly ContainerInstance[];
}

export function planCluster(observed: ObservedCluster, nowMs: number): Plan<ClusterStatus> {
  const { cluster, hasNamespace } = observed;
  const { finalizers = [], deletionTimestamp } = cluster.metadata;
  const isHeld = finalizers.includes(clusterFinalizer);
  const counts = countsOf(observed);
  if (deletionTimestamp === undefined) {
    const steps = [
      ...(hasNamespace ? [] : [namespaceOf(cluster)]),
      ...(isHeld ? [] : [withFinalizers(cluster, [...finalizers, clusterFinalizer])]),
    ];
    return { steps, status: statusOf(cluster, counts, nowMs) };
  }
  if (!isHeld) return { steps: [], status: 'unchanged' };
  if (counts.activeServicesCount + counts.runningTasksCount + counts.pendingTasksCount > 0) {
    return { steps: [], status: statusOf(cluster, counts, nowMs) };
  }
  const rest = finalizers.filter((finalizer) => finalizer !== clusterFinalizer);
  return { steps: [withFinalizers(cluster, rest)], status: 'unchanged' };
}

function namespaceOf({ metadata: { name = '' } }: Cluster): Step {
  return {
    op: 'create',
    kind: kinds.namespaces,
    object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
  };
}

function withFinalizers(cluster: Cluster, finalizers: readonly string[]): Step {
  return { op: 'patch', kind: kinds.ecsClusters, target: cluster, patch: { metadata: { finalizers } } };
}

type Counts = Required<
  Pick<
    ClusterStatus,
    'registeredContainerInstancesCount' | 'runningTasksCount' | 'pendingTasksCount' | 'activeServicesCount'
  >
>;

function countsOf({ cluster, tasks, services, instances }: ObservedCluster): Counts {
  const name = cluster.spec?.clusterName ?? cluster.metadata.name;
  const alive = tasks.filter(({ status }) => status?.lastStatus !== 'STOPPED');
  const running = alive.filter(isRunning).length;
  return {
    registeredContainerInstancesCount: instances.filter(({ spec }) => (spec.cluster ?? name) === name).length,
    runningTasksCount: running,
    pendingTasksCount: alive.length - running,
    activeServicesCount: services.filter(isActive).length,
  };
}

export const isRunning = ({ status }: Task): boolean => status?.lastStatus === 'RUNNING';

/** DRAINING services are none of those that keep a cluster. */
export function isActive({ metadata, spec, status }: Service): boolean {
  return status?.status !== 'INACTIVE' && spec.desiredStatus !== 'INACTIVE' && metadata.deletionTimestamp === undefined;
}

function statusOf(cluster: Cluster, counts: Counts, nowMs: number): ClusterStatus {
  const { deletionTimestamp, generation } = cluster.metadata;
  const isDeleted = deletionTimestamp !== undefined;
  const lost = clusterLosses(cluster);
  return {
    status: isDeleted ? 'DEPROVISIONING' : 'ACTIVE',
    ...counts,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions: conditionsOf(
      cluster.status?.conditions,
      [effectOf(lost), ...(isDeleted ? [whatKeeps(counts)] : [])],
      nowMs,
    ),
  };
}

function whatKeeps({ activeServicesCount, runningTasksCount, pendingTasksCount }: Counts) {
  const tasks = runningTasksCount + pendingTasksCount;
  return {
    type: 'DeletionBlocked',
    status: 'True' as const,
    reason: activeServicesCount > 0 ? 'ServicesActive' : 'TasksActive',
    message: `The cluster goes when its services (${activeServicesCount} active) and tasks (${tasks} not stopped) are gone.`,
  };
}
