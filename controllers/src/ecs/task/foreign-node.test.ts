import type { TaskDefinition } from '@slipway/api/ecs/kinds';
import type { ContainerState, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { PlanWorld } from '../../testing/plan-world.ts';
import { aDefinedContainer, aTask, aTaskDefinition } from '../testing/ecs-builders.ts';
import { taskIndexes } from './controller.ts';
import { observeTask } from './observe.ts';
import { planTask } from './plan.ts';

const decider = { observe: observeTask, plan: planTask };
const key = 'shop/one';
const theirs = 'v1.33.4';
const ours = 'v1.36.0+slipway';

/** A task on a node with that kubelet, its containers in these states. */
function onNode(definition: TaskDefinition, kubeletVersion: string) {
  const world = new PlanWorld(taskIndexes);
  world.put(kinds.ecsTaskDefinitions, definition);
  world.put(kinds.ecsTasks, aTask());
  world.put(kinds.nodes, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1' },
    status: { nodeInfo: { kubeletVersion } },
  } as never);
  world.settle(decider, kinds.ecsTasks, key);
  const pod = () => world.get(kinds.pods, key) as Pod;
  return {
    world,
    pod,
    task: () => world.get(kinds.ecsTasks, key),
    is(phase: string, states: Readonly<Record<string, ContainerState>>, more: Partial<Pod['status']> = {}) {
      const containerStatuses = Object.entries(states).map(([name, state]) => ({
        name,
        image: '',
        imageID: '',
        ready: true,
        restartCount: 0,
        state,
      }));
      const now = pod();
      world.put(kinds.pods, {
        ...now,
        spec: { ...now.spec, nodeName: 'n1' },
        status: { phase, containerStatuses, ...more },
      });
      world.settle(decider, kinds.ecsTasks, key);
    },
  };
}

const running = { running: { startedAt: formatTime(0) } };
const ended = { terminated: { exitCode: 0, reason: 'Completed' } };
const chain = aTaskDefinition({}, [
  aDefinedContainer('web', { dependsOn: [{ containerName: 'init', condition: 'SUCCESS' }] }),
  aDefinedContainer('init', { essential: false, stopTimeout: 5 }),
]);

describe('a task on a node of another kubelet', () => {
  it('says what nobody obeys there, once', () => {
    const { is, task, world } = onNode(chain, theirs);
    expect(task()?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'FieldsWithoutEffect', status: 'False' }),
    );
    is('Running', { web: running, init: running });
    const where = "on node n1, whose kubelet (v1.33.4) is not Slipway's:";
    const message = `${where} web.dependsOn has no effect: all containers start and stop at once; init.stopTimeout is that of the whole task, 30 s`;
    expect(task()?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'FieldsWithoutEffect', status: 'True', reason: 'NotCarried', message }),
    );
    expect(task()?.status?.lastStatus).toBe('RUNNING');
    is('Running', { web: running, init: ended });
    expect(world.told).toEqual([`without effect: ${message}`]);
  });

  it('names a network that it is not on', () => {
    const { is, task } = onNode(aTaskDefinition({ networkMode: 'none' }), theirs);
    is('Running', { web: running });
    expect(task()?.status?.conditions?.find(({ type }) => type === 'FieldsWithoutEffect')?.message).toMatch(
      /networkMode none has no effect: the task is on the network of the cluster$/,
    );
  });

  it('ends with an essential container, and not with another one', () => {
    const { is, task } = onNode(chain, theirs);
    is('Running', { web: running, init: ended });
    expect(task()?.spec.desiredStatus).toBe('RUNNING');
    is('Running', { web: ended, init: running });
    expect(task()?.spec).toMatchObject({ desiredStatus: 'STOPPED', stopCode: 'EssentialContainerExited' });
  });

  it('has lost nothing where nothing of ours is in its definition', () => {
    const { is, task } = onNode(aTaskDefinition(), theirs);
    is('Running', { web: running });
    expect(task()?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'FieldsWithoutEffect', status: 'False' }),
    );
  });

  it('says why the node did not take it', () => {
    const { is, task } = onNode(aTaskDefinition(), theirs);
    is('Failed', {}, { reason: 'OutOfcpu', message: 'Node did not have enough resource: cpu' });
    expect(task()?.spec).toMatchObject({
      stopCode: 'TaskFailedToStart',
      stoppedReason: 'OutOfcpu: Node did not have enough resource: cpu',
    });
  });
});

describe('a task on a node of ours', () => {
  it('loses nothing, and the agent ends the pod', () => {
    const { is, task } = onNode(chain, ours);
    is('Running', { web: ended, init: running });
    expect(task()?.spec.desiredStatus).toBe('RUNNING');
    expect(task()?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'FieldsWithoutEffect', status: 'False' }),
    );
  });
});
