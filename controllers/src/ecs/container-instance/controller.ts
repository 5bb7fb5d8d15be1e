import type { ContainerInstance } from '@slipway/api/ecs/kinds';
import { kinds } from '@slipway/client/kinds';
import { triggerOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { planInstance } from './plan.ts';

/** Shows every node as a container instance of ECS, and drains the one when the other is. */
export const containerInstanceController = definitionFrom({
  name: 'ecs-container-instance',
  component: 'ecs-container-instance-controller',
  account: 'ecs-container-instance-controller',
  primary: kinds.nodes,
  triggers: [
    triggerOn(kinds.ecsContainerInstances, ({ metadata }: ContainerInstance) => (metadata.name ? [metadata.name] : [])),
  ],
  observe: (key, caches) => {
    const node = caches.get(kinds.nodes, key);
    return node && { node, instance: caches.get(kinds.ecsContainerInstances, key) };
  },
  plan: planInstance,
});
