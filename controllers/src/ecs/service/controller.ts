import { kinds, keyOf } from '@slipway/client/kinds';
import type { Node } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import type { Service } from '@slipway/api/ecs/kinds';
import { indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { familyIndex, familyOf } from '../task/observe.ts';
import { observeService } from './observe.ts';
import { planService } from './plan.ts';

const familyOfServiceIndex = 'services-of-family';

export const serviceIndexes = [
  indexOn(kinds.ecsTaskDefinitions, familyIndex, familyOf),
  indexOn(kinds.ecsServices, familyOfServiceIndex, ({ spec }: Service) => [spec.taskDefinition.split(':')[0] ?? '']),
];

/** Keeps the tasks of ECS services up and rolls over to new ones. */
export const ecsServiceController = definitionFrom({
  name: 'ecs-service',
  component: 'ecs-service-controller',
  account: 'ecs-service-controller',
  primary: kinds.ecsServices,
  triggers: [
    { on: kinds.ecsTasks, via: 'owner' },
    { on: kinds.ecsServiceDeployments, via: 'owner' },
    { on: kinds.ecsServiceRevisions, via: 'owner' },
    { on: kinds.services, via: 'owner' },
    triggerOn(kinds.ecsTaskDefinitions, ({ spec }, caches) =>
      caches.byIndex(kinds.ecsServices, familyOfServiceIndex, spec.family).map(keyOf),
    ),
    {
      on: kinds.nodes,
      changes: (change, caches) =>
        takesOthers(change as Change<Node>) ? caches.list(kinds.ecsServices).map(keyOf) : [],
    },
  ],
  indexes: serviceIndexes,
  observe: observeService,
  plan: planService,
});

/** What a service looks at in a node has changed. Heartbeats have not. */
function takesOthers({ before, after }: Change<Node>): boolean {
  if (!before || !after) return true;
  const isReady = ({ status }: Node) => status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  return (
    isReady(before) !== isReady(after) ||
    before.spec?.unschedulable !== after.spec?.unschedulable ||
    JSON.stringify(before.metadata.labels) !== JSON.stringify(after.metadata.labels)
  );
}
