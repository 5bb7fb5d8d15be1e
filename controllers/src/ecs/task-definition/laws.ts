import { keyOf, kinds } from '@slipway/client/kinds';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { aTask, aTaskDefinition } from '../testing/ecs-builders.ts';
import { definitionFinalizer, referenceOf, userOf } from './plan.ts';

const { ecsTaskDefinitions: definitions, ecsTasks: tasks } = kinds;

export const taskDefinitionLaws: ControllerLaws = {
  controller: 'ecs-task-definition',
  primary: definitions,
  start: (server) => {
    server.put(definitions, aTaskDefinition());
    server.put(tasks, aTask({}, { name: 'one', uid: 'uid-one' }));
  },
  moves: {
    'a task stops': (server, dice) => {
      const task = pick(server.list(tasks), dice);
      if (task) server.put(tasks, { ...task, status: { ...task.status, lastStatus: 'STOPPED' } });
    },
    'a task is gone': (server, dice) => {
      const task = pick(server.list(tasks), dice);
      if (task) server.remove(tasks, keyOf(task));
    },
  },
  mayWrite: ({ kindId, verb }) =>
    // The last finalizer off, it is gone.
    (kindId === 'taskdefinitions.ecs.slipway.dev' && (verb === 'patch' || verb === 'delete')) ||
    (kindId === 'taskdefinitionfamilies.ecs.slipway.dev' && (verb === 'create' || verb === 'patch')),
  atRest(server) {
    const used = new Set(server.list(tasks).flatMap(userOf));
    for (const definition of server.list(definitions)) {
      const { deletionTimestamp, finalizers = [] } = definition.metadata;
      const isHeld = finalizers.includes(definitionFinalizer);
      const mustBe = deletionTimestamp === undefined || used.has(referenceOf(definition));
      if (mustBe && deletionTimestamp === undefined && !isHeld) return `${definition.metadata.name} is not held`;
      if (!mustBe && isHeld) return `${definition.metadata.name} is held for nobody`;
    }
    return undefined;
  },
};
