import type { Task, TaskDefinition } from '@slipway/api/ecs/kinds';
import type { ContainerDefinition, ContainerOverride, KeyValuePair } from '@slipway/api/ecs/generated/types';
import { podContainerName } from '@slipway/api/ecs/names';
import { invariant } from '@slipway/kit/invariant';

/** A container of a task, overrides in it; `podName` is what it is called in the pod. */
export interface EffectiveContainer extends ContainerDefinition {
  readonly name: string;
  readonly podName: string;
}

export interface EffectiveDefinition extends Omit<TaskDefinition['spec'], 'containerDefinitions'> {
  readonly containers: readonly EffectiveContainer[];
}

/** A task definition as the task runs it. What an override does not name stays. */
export function effectiveDefinition({ spec }: TaskDefinition, task: Task): EffectiveDefinition {
  const { containerDefinitions = [], ...rest } = spec;
  const { containerOverrides = [], cpu, memory, taskRoleArn } = task.spec.overrides ?? {};
  return {
    ...rest,
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    ...(taskRoleArn === undefined ? {} : { taskRoleArn }),
    containers: containerDefinitions.map((container) => {
      const { name } = container;
      invariant(name, 'the schema wants names of containers');
      const override = containerOverrides.find((each) => each.name === name);
      return { ...overridden(container, override), name, podName: podContainerName(name) };
    }),
  };
}

function overridden(container: ContainerDefinition, override: ContainerOverride | undefined): ContainerDefinition {
  if (!override) return container;
  const { name: _, environment, ...others } = override;
  return { ...container, ...others, environment: mergedEnvironment(container.environment, environment) };
}

/** By name; what the override adds comes last. */
function mergedEnvironment(base: readonly KeyValuePair[] = [], over: readonly KeyValuePair[] = []): KeyValuePair[] {
  const names = new Set(over.map(({ name }) => name));
  return [...base.filter(({ name }) => !names.has(name)), ...over];
}
