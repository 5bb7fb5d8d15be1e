import type { CapacityProvider, Task, TaskDefinition } from '@slipway/api/ecs/kinds';
import { parseDefinitionReference } from '@slipway/api/ecs/names';
import type { Node, Pod } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { hostPortIndex, hostPortKey, hostPortsOf } from './host-ports.ts';

export interface ObservedTask {
  readonly task: Task;
  /** The one that it runs, or would run; undefined when there is none. */
  readonly definition: TaskDefinition | undefined;
  /** The pod of its name, whoever made it. */
  readonly pod: Pod | undefined;
  readonly node: Node | undefined;
  /** `missing`: it names one that is not there. */
  readonly provider: CapacityProvider | 'missing' | undefined;
  readonly takenPorts: () => ReadonlySet<number>;
}

/** Revisions by ECS' name of their family. */
export const familyIndex = 'task-definitions-of-family';

export function familyOf({ spec }: TaskDefinition): readonly string[] {
  return [spec.family];
}

export function observeTask(key: ObjectKey, caches: Caches): ObservedTask | undefined {
  const task = caches.get(kinds.ecsTasks, key);
  if (!task) return undefined;
  const pod = caches.get(kinds.pods, key);
  const nodeName = pod?.spec.nodeName;
  return {
    task,
    definition: definitionOf(task, caches),
    pod,
    node: nodeName === undefined ? undefined : caches.get(kinds.nodes, nodeName),
    provider: providerOf(task, caches),
    takenPorts: () => hostPortsOf(caches.byIndex(kinds.pods, hostPortIndex, hostPortKey)),
  };
}

/** The revision that was chosen once, though it may be INACTIVE now; else the one that is asked for. */
function definitionOf({ spec, status }: Task, caches: Caches): TaskDefinition | undefined {
  const { family, revision } = parseDefinitionReference(status?.taskDefinition ?? spec.taskDefinition);
  const revisions = caches.byIndex(kinds.ecsTaskDefinitions, familyIndex, family);
  if (revision !== undefined) return revisions.find((each) => each.spec.revision === revision);
  return revisions
    .filter((each) => each.spec.status !== 'INACTIVE')
    .reduce<TaskDefinition | undefined>(
      (newest, each) => (newest && newest.spec.revision > each.spec.revision ? newest : each),
      undefined,
    );
}

/** ECS' own providers, which nobody makes: any node will do. */
const providersOfEcs = ['FARGATE', 'FARGATE_SPOT'];

function providerOf({ spec }: Task, caches: Caches): CapacityProvider | 'missing' | undefined {
  const name = spec.capacityProviderName;
  if (name === undefined || providersOfEcs.includes(name)) return undefined;
  const found = caches
    .list(kinds.ecsCapacityProviders)
    .find(({ metadata, spec: provider }) => (provider?.name ?? metadata.name) === name);
  return found ?? 'missing';
}
