import type { Service, Task, TaskDefinition } from '@slipway/api/ecs/kinds';
import { keyOf, kinds } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { familyObjectName, planDefinition, referenceOf, userOf } from './plan.ts';

const byReference = 'task-definitions-by-reference';
const tasksOf = 'tasks-of-task-definition';
const servicesOf = 'services-of-task-definition';

function definitionsOf(user: Task | Service, caches: Caches): readonly string[] {
  return userOf(user).flatMap((reference) =>
    caches.byIndex(kinds.ecsTaskDefinitions, byReference, reference).map(keyOf),
  );
}

/** Holds a deleted task definition for as long as something uses it, and remembers its number. */
export const taskDefinitionController = definitionFrom({
  name: 'ecs-task-definition',
  component: 'ecs-task-definition-controller',
  account: 'ecs-task-definition-controller',
  primary: kinds.ecsTaskDefinitions,
  triggers: [triggerOn(kinds.ecsTasks, definitionsOf), triggerOn(kinds.ecsServices, definitionsOf)],
  reads: [kinds.ecsTaskDefinitionFamilies],
  indexes: [
    indexOn(kinds.ecsTaskDefinitions, byReference, (definition: TaskDefinition) => [referenceOf(definition)]),
    indexOn(kinds.ecsTasks, tasksOf, userOf),
    indexOn(kinds.ecsServices, servicesOf, userOf),
  ],
  observe: (key, caches) => {
    const definition = caches.get(kinds.ecsTaskDefinitions, key);
    if (!definition) return undefined;
    const reference = referenceOf(definition);
    return {
      definition,
      isUsed:
        caches.byIndex(kinds.ecsTasks, tasksOf, reference).length > 0 ||
        caches.byIndex(kinds.ecsServices, servicesOf, reference).length > 0,
      family: caches.get(kinds.ecsTaskDefinitionFamilies, familyObjectName(definition)),
    };
  },
  plan: planDefinition,
});
