import type { Task } from '@slipway/api/ecs/kinds';
import type { Node } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { hasDynamicHostPort, hostPortIndex } from './host-ports.ts';
import { familyIndex, familyOf, observeTask } from './observe.ts';
import { planGoneTask, planTask } from './plan.ts';
import { isUnheard } from './task-status.ts';

const waitingIndex = 'tasks-without-pod';
const instanceIndex = 'tasks-of-container-instance';
/** A start is two writes, one after the other, and what is written at the same time is committed together: a service starts hundreds. */
const workers = 64;

export const taskIndexes = [
  indexOn(kinds.ecsTaskDefinitions, familyIndex, familyOf),
  indexOn(kinds.pods, hostPortIndex, hasDynamicHostPort),
  indexOn(kinds.ecsTasks, waitingIndex, ({ spec, status }: Task) =>
    status?.podName === undefined && spec.desiredStatus !== 'STOPPED' ? [spec.taskDefinition.split(':')[0] ?? ''] : [],
  ),
  indexOn(kinds.ecsTasks, instanceIndex, ({ status }: Task) =>
    status?.containerInstance && status.lastStatus !== 'STOPPED' ? [status.containerInstance] : [],
  ),
];

/** Runs the tasks of ECS as pods. */
export const ecsTaskController = definitionFrom({
  name: 'ecs-task',
  component: 'ecs-task-controller',
  account: 'ecs-task-controller',
  primary: kinds.ecsTasks,
  workers,
  triggers: [
    { on: kinds.pods, via: 'owner' },
    triggerOn(kinds.ecsTaskDefinitions, ({ spec }, caches) =>
      caches.byIndex(kinds.ecsTasks, waitingIndex, spec.family).map(keyOf),
    ),
    {
      on: kinds.nodes,
      changes: ({ key, before, after }, caches) =>
        before && after && isUnheard(before as Node) === isUnheard(after as Node)
          ? []
          : caches.byIndex(kinds.ecsTasks, instanceIndex, key).map(keyOf),
    },
  ],
  reads: [kinds.nodes, kinds.ecsCapacityProviders],
  indexes: taskIndexes,
  observe: observeTask,
  plan: planTask,
  planGone: planGoneTask,
});
