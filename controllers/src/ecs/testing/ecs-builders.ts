/** Objects of ECS as the API server has them, small. */
import type { Cluster, Service, ServiceSpec, Task, TaskDefinition, TaskSpec } from '@slipway/api/ecs/kinds';
import type { ContainerDefinition } from '@slipway/api/ecs/generated/types';
import type { KubeObject } from '@slipway/api/types';

export const namespace = 'shop';

export function aTaskDefinition(
  spec: Partial<TaskDefinition['spec']> = {},
  containers: readonly ContainerDefinition[] = [aDefinedContainer('web')],
): TaskDefinition {
  const { family = 'web', revision = 1 } = spec;
  return {
    apiVersion: 'ecs.slipway.dev/v1',
    kind: 'TaskDefinition',
    metadata: { name: `${family}.${revision}` },
    spec: { family, revision, status: 'ACTIVE', networkMode: 'bridge', containerDefinitions: containers, ...spec },
  };
}

export function aDefinedContainer(name: string, more: Partial<ContainerDefinition> = {}): ContainerDefinition {
  return { name, image: `${name}:1`, memory: 64, ...more };
}

export function aTask(spec: Partial<TaskSpec> = {}, metadata: Partial<KubeObject['metadata']> = {}): Task {
  return {
    apiVersion: 'ecs.slipway.dev/v1',
    kind: 'Task',
    metadata: { namespace, name: 'one', uid: 'uid-task', ...metadata },
    spec: { taskDefinition: 'web', desiredStatus: 'RUNNING', ...spec },
  };
}

export function aService(spec: Partial<ServiceSpec> = {}, metadata: Partial<KubeObject['metadata']> = {}): Service {
  return {
    apiVersion: 'ecs.slipway.dev/v1',
    kind: 'Service',
    metadata: { namespace, name: 'web', uid: 'uid-service', generation: 1, ...metadata },
    spec: { taskDefinition: 'web', desiredStatus: 'ACTIVE', schedulingStrategy: 'REPLICA', ...spec },
  };
}

export function aCluster(name: string, spec: Cluster['spec'] = {}): Cluster {
  return { apiVersion: 'ecs.slipway.dev/v1', kind: 'Cluster', metadata: { name, uid: `uid-${name}` }, spec };
}
