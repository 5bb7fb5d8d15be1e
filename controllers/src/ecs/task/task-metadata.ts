/** What the containers of a task are told of it: facts for the node's metadata endpoint, and variables. Pure. */
import type { Task } from '@slipway/api/ecs/kinds';
import {
  clusterArnAnnotation,
  type EcsContainerFacts,
  type EcsTaskFacts,
  parseClusterArn,
  taskMetadataAnnotation,
} from '@slipway/api/ecs/task-metadata';
import type { EnvVar } from '@slipway/api/types';
import { unhealthyAfterMs } from './container-from-definition.ts';
import type { EffectiveContainer, EffectiveDefinition } from './effective-definition.ts';

const cpuUnitsPerCore = 1024;

export function metadataAnnotation(task: Task, definition: EffectiveDefinition): Readonly<Record<string, string>> {
  return { [taskMetadataAnnotation]: JSON.stringify(factsOf(task, definition)) };
}

function factsOf(task: Task, definition: EffectiveDefinition): EcsTaskFacts {
  const { family, revision, cpu, memory, networkMode = 'bridge', containers } = definition;
  const serviceName = serviceNameOf(task);
  const clusterArn = task.metadata.annotations?.[clusterArnAnnotation];
  const limits = {
    ...(cpu === undefined ? {} : { cpu: Number(cpu) / cpuUnitsPerCore }),
    ...(memory === undefined ? {} : { memory: Number(memory) }),
  };
  return {
    form: 'ecs',
    ...(parseClusterArn(clusterArn) ? { clusterArn } : {}),
    family,
    revision,
    ...(serviceName === undefined ? {} : { serviceName }),
    launchType: launchTypeOf(task),
    networkMode,
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
    containers: Object.fromEntries(containers.map((each) => [each.podName, containerFacts(each)])),
  };
}

function containerFacts(container: EffectiveContainer): EcsContainerFacts {
  const { name, cpu, memory, healthCheck, dockerLabels, logConfiguration } = container;
  const isChecked = healthCheck !== undefined && healthCheck.command[0] !== 'NONE';
  return {
    name,
    ...(cpu ? { cpu } : {}),
    ...(memory === undefined ? {} : { memory }),
    ...(isChecked ? { unhealthyAfterMs: unhealthyAfterMs(healthCheck) } : {}),
    ...(dockerLabels && Object.keys(dockerLabels).length > 0 ? { labels: dockerLabels } : {}),
    ...(logConfiguration ? { logDriver: logConfiguration.logDriver, logOptions: { ...logConfiguration.options } } : {}),
  };
}

/** The task's spec has the object's name, its group ECS' own. */
function serviceNameOf({ spec }: Task): string | undefined {
  const prefix = 'service:';
  if (spec.serviceName === undefined) return undefined;
  return spec.group?.startsWith(prefix) ? spec.group.slice(prefix.length) : spec.serviceName;
}

/** A provider of Fargate stands for its launch type. */
function launchTypeOf({ spec, status }: Task): string {
  const provider = status?.capacityProviderName ?? spec.capacityProviderName;
  return provider?.startsWith('FARGATE') ? 'FARGATE' : (spec.launchType ?? 'EC2');
}

/** Those that say where the container runs; what the definition sets itself wins. */
export function taskVariables(task: Task): readonly EnvVar[] {
  const region = parseClusterArn(task.metadata.annotations?.[clusterArnAnnotation])?.region;
  return [
    { name: 'AWS_EXECUTION_ENV', value: launchTypeOf(task) === 'FARGATE' ? 'AWS_ECS_FARGATE' : 'AWS_ECS_EC2' },
    ...(region === undefined
      ? []
      : [
          { name: 'AWS_DEFAULT_REGION', value: region },
          { name: 'AWS_REGION', value: region },
        ]),
  ];
}

/** Each variable once: API objects refuse nothing here, but a reader of the pod should see what counts. */
export function withTaskVariables(task: Task, own: readonly EnvVar[] = []): EnvVar[] {
  const names = new Set(own.map(({ name }) => name));
  return [...taskVariables(task).filter(({ name }) => !names.has(name)), ...own];
}
