import type { Cluster, ContainerInstance, Service, Task } from '@slipway/api/ecs/kinds';
import type { KubeObject } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { type Kind, keyOf, kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import type { Caches } from '../../runtime/caches.ts';
import {
  type ControllerDefinition,
  indexOn,
  type Reconciler,
  type Trigger,
  triggerOn,
} from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { isActive, isRunning, planCluster } from './plan.ts';

const clusterNameIndex = 'clusters-by-name';

/** Wakes the cluster only when a count may change: tasks change much more often than the state that is counted. */
function counted<T extends KubeObject>(on: Kind<T>, stateOf: (object: T) => unknown): Trigger {
  const stateIn = (object: KubeObject | undefined) => object && stateOf(object as T);
  return {
    on: on as Kind<KubeObject>,
    changes: ({ before, after }: Change): readonly ObjectKey[] => {
      const { namespace } = (after ?? before)?.metadata ?? {};
      return namespace === undefined || stateIn(before) === stateIn(after) ? [] : [namespace];
    },
  };
}

const taskState = (task: Task) => (task.status?.lastStatus === 'STOPPED' ? 'stopped' : isRunning(task));

/** Those of one cluster, or of all. */
function clustersOf({ spec }: ContainerInstance, caches: Caches): readonly ObjectKey[] {
  const clusters =
    spec.cluster === undefined
      ? caches.list(kinds.ecsClusters)
      : caches.byIndex(kinds.ecsClusters, clusterNameIndex, spec.cluster);
  return clusters.map(keyOf);
}

const definition = definitionFrom({
  name: 'ecs-cluster',
  component: 'ecs-cluster-controller',
  account: 'ecs-cluster-controller',
  primary: kinds.ecsClusters,
  triggers: [
    counted<Task>(kinds.ecsTasks, taskState),
    counted<Service>(kinds.ecsServices, isActive),
    triggerOn(kinds.ecsContainerInstances, clustersOf),
    triggerOn(kinds.namespaces, ({ metadata: { name } }) => (name === undefined ? [] : [name])),
  ],
  indexes: [
    indexOn(kinds.ecsClusters, clusterNameIndex, ({ metadata, spec }: Cluster) => [
      spec?.clusterName ?? metadata.name ?? '',
    ]),
  ],
  observe: (key, caches) => {
    const cluster = caches.get(kinds.ecsClusters, key);
    return (
      cluster && {
        cluster,
        hasNamespace: caches.get(kinds.namespaces, key) !== undefined,
        tasks: caches.inNamespace(kinds.ecsTasks, key),
        services: caches.inNamespace(kinds.ecsServices, key),
        instances: caches.list(kinds.ecsContainerInstances),
      }
    );
  },
  plan: planCluster,
});

/** A thousand tasks that start are some ten writes of their cluster, not a thousand. */
const betweenLooksMs = 1_000;

/** Keeps the namespace and the counts of every cluster. */
export const ecsClusterController: ControllerDefinition = {
  ...definition,
  create: (deps) => paced(definition.create(deps), deps.clock),
};

/** The first change is looked at at once, those soon after it together. */
function paced(reconciler: Reconciler, clock: Clock): Reconciler {
  const lookedAtMs = new Map<ObjectKey, number>();
  return {
    reconcile: async (key, context) => {
      const nowMs = clock.monotonicMs();
      for (const [each, atMs] of lookedAtMs) if (nowMs - atMs >= betweenLooksMs) lookedAtMs.delete(each);
      const before = lookedAtMs.get(key);
      if (before !== undefined) return { againAfterMs: before + betweenLooksMs - nowMs };
      lookedAtMs.set(key, nowMs);
      return reconciler.reconcile(key, context);
    },
  };
}
