/** DELETE_IN_PROGRESS: a definition that is deleted stays while a task that has not stopped, or a service, runs it. */
import type { Service, Task, TaskDefinition, TaskDefinitionFamily } from '@slipway/api/ecs/kinds';
import { kinds } from '@slipway/client/kinds';
import type { Plan, Step } from '../../runtime/step.ts';

export const definitionFinalizer = 'slipway.dev/ecs';

export interface ObservedDefinition {
  readonly definition: TaskDefinition;
  readonly isUsed: boolean;
  readonly family: TaskDefinitionFamily | undefined;
}

export function planDefinition({ definition, isUsed, family }: ObservedDefinition): Plan {
  const { finalizers = [], deletionTimestamp } = definition.metadata;
  const isHeld = finalizers.includes(definitionFinalizer);
  if (deletionTimestamp === undefined) {
    // Those of the API are born with it.
    if (isHeld) return settled;
    return { steps: [withFinalizers(definition, [...finalizers, definitionFinalizer])], status: 'unchanged' };
  }
  if (!isHeld || isUsed) return settled;
  const rest = finalizers.filter((finalizer) => finalizer !== definitionFinalizer);
  return { steps: [...rememberedSteps(definition, family), withFinalizers(definition, rest)], status: 'unchanged' };
}

const settled: Plan = { steps: [], status: 'unchanged' };

function withFinalizers(definition: TaskDefinition, finalizers: readonly string[]): Step {
  return { op: 'patch', kind: kinds.ecsTaskDefinitions, target: definition, patch: { metadata: { finalizers } } };
}

/** A number is not given twice. */
function rememberedSteps(definition: TaskDefinition, known: TaskDefinitionFamily | undefined): readonly Step[] {
  const { family, revision } = definition.spec;
  if (known) {
    if (known.spec.lastRevision >= revision) return [];
    const patch = { spec: { lastRevision: revision } };
    return [{ op: 'patch', kind: kinds.ecsTaskDefinitionFamilies, target: known, patch }];
  }
  const object = {
    apiVersion: 'ecs.slipway.dev/v1',
    kind: 'TaskDefinitionFamily',
    metadata: { name: familyObjectName(definition) },
    spec: { family, lastRevision: revision },
  };
  return [{ op: 'create', kind: kinds.ecsTaskDefinitionFamilies, object }];
}

/** The definition's name without the number. */
export function familyObjectName({ metadata }: TaskDefinition): string {
  return (metadata.name ?? '').replace(/\.\d+$/, '');
}

export function referenceOf({ spec }: TaskDefinition): string {
  return `${spec.family}:${spec.revision}`;
}

/** The revisions that a task or a service needs: none once it has ended. */
export function userOf(user: Task | Service): readonly string[] {
  if (user.kind === 'Task') {
    const { spec, status } = user as Task;
    return status?.lastStatus === 'STOPPED' ? [] : [status?.taskDefinition ?? spec.taskDefinition];
  }
  const { spec, status } = user as Service;
  return status?.status === 'INACTIVE' ? [] : [spec.taskDefinition];
}
