import type {
  Service,
  ServiceRevision,
  StoredDeployment,
  Task,
  TaskDefinition,
  TaskSpec,
} from '@slipway/api/ecs/kinds';
import { clusterArnAnnotation } from '@slipway/api/ecs/task-metadata';
import type { CapacityProviderStrategyItem, Tag } from '@slipway/api/ecs/generated/types';
import { controllerReferenceTo } from '../../runtime/owner.ts';
import { taskNameFor } from './deployment-target.ts';
import { groupOfService, nameOfService } from './service-tasks.ts';

export interface NewTask {
  /** Tells apart what is made in one look. */
  readonly place: number;
  readonly nowMs: number;
  readonly capacityProvider: string | undefined;
  /** That of the revision, for its tags. */
  readonly definition: TaskDefinition | undefined;
  /** The node that a DAEMON's task is for. */
  readonly node?: string;
}

export function taskOfService(
  service: Service,
  { id, serviceDeployment }: StoredDeployment,
  revision: ServiceRevision,
  { place, nowMs, capacityProvider, definition, node }: NewTask,
): Task {
  const { spec } = service;
  const tags = tagsFor(service, definition);
  const task: TaskSpec = {
    taskDefinition: revision.spec.taskDefinition,
    desiredStatus: 'RUNNING',
    group: groupOfService(service),
    startedBy: id,
    serviceName: service.metadata.name ?? '',
    serviceDeployment,
    serviceRevision: revision.metadata.name ?? '',
    ...(node === undefined ? {} : { containerInstance: node }),
    ...(capacityProvider === undefined ? {} : { capacityProviderName: capacityProvider }),
    ...(revision.spec.launchType ? { launchType: revision.spec.launchType } : {}),
    ...(revision.spec.networkConfiguration ? { networkConfiguration: revision.spec.networkConfiguration } : {}),
    ...(spec.placementConstraints?.length ? { placementConstraints: spec.placementConstraints } : {}),
    ...(spec.placementStrategy?.length ? { placementStrategy: spec.placementStrategy } : {}),
    ...(spec.enableExecuteCommand ? { enableExecuteCommand: true } : {}),
    ...(tags.length > 0 ? { tags } : {}),
  };
  const clusterArn = service.metadata.annotations?.[clusterArnAnnotation];
  return {
    apiVersion: service.apiVersion ?? '',
    kind: 'Task',
    metadata: {
      namespace: service.metadata.namespace,
      name: taskNameFor(service, serviceDeployment, nowMs, place),
      ...(clusterArn === undefined ? {} : { annotations: { [clusterArnAnnotation]: clusterArn } }),
      ownerReferences: [controllerReferenceTo(service)],
    },
    spec: task,
  };
}

const tagsMax = 50;

/** Those of the service or of its definition (`propagateTags`), and ECS' own (`enableECSManagedTags`). */
function tagsFor(service: Service, definition: TaskDefinition | undefined): readonly Tag[] {
  const { propagateTags, tags = [], enableECSManagedTags } = service.spec;
  const { namespace = '', annotations } = service.metadata;
  const cluster = annotations?.[clusterArnAnnotation]?.split('/').at(-1) ?? namespace;
  const managed = [
    { key: 'aws:ecs:clusterName', value: cluster },
    { key: 'aws:ecs:serviceName', value: nameOfService(service) },
  ];
  const inherited =
    propagateTags === 'SERVICE' ? tags : propagateTags === 'TASK_DEFINITION' ? (definition?.spec.tags ?? []) : [];
  return [...(enableECSManagedTags ? managed : []), ...inherited].slice(0, tagsMax);
}

/** The provider for the next task: `base` of each first, then by weight. Undefined without a strategy. */
export function nextProvider(
  strategy: readonly CapacityProviderStrategyItem[] | undefined,
  counts: ReadonlyMap<string, number>,
): string | undefined {
  if (!strategy?.length) return undefined;
  const lacking = strategy.find(({ capacityProvider, base = 0 }) => (counts.get(capacityProvider) ?? 0) < base);
  if (lacking) return lacking.capacityProvider;
  const weighted = strategy.filter(({ weight = 0 }) => weight > 0);
  const load = ({ capacityProvider, base = 0, weight = 1 }: CapacityProviderStrategyItem) =>
    ((counts.get(capacityProvider) ?? 0) - base + 1) / weight;
  return weighted.toSorted((a, b) => load(a) - load(b))[0]?.capacityProvider ?? strategy[0]?.capacityProvider;
}
