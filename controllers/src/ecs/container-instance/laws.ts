import { keyOf, kinds } from '@slipway/client/kinds';
import { aNode } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { nodeMoves } from '../../testing/laws/node-moves.ts';

const { nodes, ecsContainerInstances: instances } = kinds;

export const containerInstanceLaws: ControllerLaws = {
  controller: 'ecs-container-instance',
  primary: nodes,
  start: (server) => {
    for (const name of ['a', 'b']) server.put(nodes, aNode(name, 'True'));
  },
  moves: {
    ...nodeMoves,
    'somebody cordons a node, or lets it be': (server, dice) => {
      const node = pick(server.list(nodes), dice);
      if (node) server.put(nodes, { ...node, spec: { ...node.spec, unschedulable: dice % 2 === 0 } });
    },
    'ECS drains an instance, or lets it be': (server, dice) => {
      const instance = pick(server.list(instances), dice);
      const status = dice % 2 === 0 ? 'DRAINING' : 'ACTIVE';
      if (instance) server.put(instances, { ...instance, spec: { ...instance.spec, status } });
    },
    'an instance gets attributes': (server, dice) => {
      const instance = pick(server.list(instances), dice);
      const attributes = [
        { name: 'stack', value: `v${dice % 3}` },
        { name: 'not/a label', value: 'x' },
      ];
      const spec = { ...instance?.spec, attributes: attributes.slice(dice % 2) };
      if (instance) server.put(instances, { ...instance, spec });
    },
    'an instance is deleted': (server, dice) => {
      const instance = pick(server.list(instances), dice);
      if (instance) server.remove(instances, keyOf(instance));
    },
  },
  mayWrite: ({ kindId, verb }) =>
    (kindId === 'nodes' && verb === 'patch') ||
    (kindId === 'containerinstances.ecs.slipway.dev' && (verb === 'create' || verb === 'patch')),
  atRest(server) {
    for (const node of server.list(nodes)) {
      const instance = server.get(instances, keyOf(node));
      // What is on its way out is left alone.
      if (node.metadata.deletionTimestamp ?? instance?.metadata.deletionTimestamp) continue;
      if (!instance) return `${node.metadata.name} is no instance`;
      const cordoned = node.spec?.unschedulable ? 'DRAINING' : 'ACTIVE';
      const said = [instance.spec.status ?? 'ACTIVE', instance.status?.status];
      if (said.some((each) => each !== cordoned)) return `${node.metadata.name} is ${cordoned}, its instance ${said}`;
    }
    return undefined;
  },
};
