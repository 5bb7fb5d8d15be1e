import { type Task, type TaskStatus, taskStates } from '@slipway/api/ecs/kinds';
import type { Pod } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { isControlledBy } from '../../runtime/owner.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws, Move } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { aDefinedContainer, aTask, aTaskDefinition } from '../testing/ecs-builders.ts';
import { taskFinalizer } from './pod-from-task.ts';
import { isFinal } from './task-status.ts';

const { ecsTasks: tasks, ecsTaskDefinitions: definitions } = kinds;
const restsAfterMs = 3 * 3_600_000;

export const ecsTaskLaws: ControllerLaws = {
  controller: 'ecs-task',
  mayDie: true,
  primary: tasks,
  children: [kinds.pods],
  restsAfterMs,
  start(server) {
    const ports = [{ containerPort: 80, hostPort: 0 }];
    server.put(
      definitions,
      aTaskDefinition({}, [aDefinedContainer('web', { portMappings: ports }), aDefinedContainer('log')]),
    );
    for (const name of ['one', 'two']) server.put(tasks, aTask({}, { name, uid: `uid-${name}` }));
    server.put(tasks, aTask({ taskDefinition: 'later' }, { name: 'early', uid: 'uid-early' }));
  },
  moves: {
    'its definition comes': (server) => {
      if (!server.list(definitions).some(({ spec }) => spec.family === 'later')) {
        server.put(definitions, aTaskDefinition({ family: 'later' }));
      }
    },
    'containers start': (server) => {
      for (const pod of server.list(kinds.pods)) setContainers(server, pod, 'running');
    },
    'the containers of a pod end': (server, dice) => {
      const pod = pick(server.list(kinds.pods), dice);
      if (pod) setContainers(server, pod, 'terminated');
    },
    'an image is not found': (server, dice) => {
      const pod = pick(server.list(kinds.pods), dice);
      if (pod) setContainers(server, pod, 'waiting');
    },
    'it is stopped': changed((task) => ({
      ...task,
      spec: { ...task.spec, desiredStatus: 'STOPPED', stopCode: 'UserInitiated' },
    })),
    'another task comes': (server, dice) => {
      const name = `more-${dice % 5}`;
      if (!server.list(tasks).some(({ metadata }) => metadata.name === name)) {
        server.put(tasks, aTask({}, { name, uid: `uid-${name}-${server.nowMs}` }));
      }
    },
  },
  mayWrite: ({ verb, kindId, before, after }) =>
    // Why it ends stands in its spec; an hour after its end it goes. A finalizer of a task that is gone is nobody else's.
    (kindId === 'tasks.ecs.slipway.dev' && (verb === 'delete' || verb === 'patch')) ||
    (kindId === 'pods' && hasFinalizer(before as Pod) && !hasFinalizer(after as Pod)),
  never({ kindId, before, after }, server) {
    if (kindId === 'tasks.ecs.slipway.dev' && before && after) return backwards(before as Task, after as Task);
    if (kindId !== 'pods' || before || !after) return undefined;
    const task = server.list(tasks).find((owner) => isControlledBy(after, owner));
    if (!task) return undefined;
    return task.status?.podName === undefined ? portTwice(server) : 'a second pod for a task';
  },
  atRest(server) {
    for (const task of server.list(tasks)) {
      const wrong = wrongWith(task, server);
      if (wrong) return `${keyOf(task)}: ${wrong}`;
    }
    return undefined;
  },
};

function wrongWith(task: Task, server: MemoryServer): string | undefined {
  if (task.metadata.deletionTimestamp) return undefined;
  const pod = server.list(kinds.pods).find((each) => isControlledBy(each, task));
  if (!pod) return task.status?.lastStatus === 'STOPPED' ? undefined : `no pod, and ${task.status?.lastStatus}`;
  if (isFinal(pod) && task.status?.lastStatus !== 'STOPPED')
    return `its pod has ended, and it is ${task.status?.lastStatus}`;
  const isToStop = task.spec.desiredStatus === 'STOPPED' && !isFinal(pod);
  return isToStop && !pod.metadata.deletionTimestamp ? 'it is to stop, and its pod goes on' : undefined;
}

/** ECS' states come in their order. */
function backwards({ status: before }: Task, { status: after }: Task): string | undefined {
  const place = (status: TaskStatus | undefined) => (status?.lastStatus ? taskStates.indexOf(status.lastStatus) : -1);
  return place(after) < place(before) ? `from ${before?.lastStatus} back to ${after?.lastStatus}` : undefined;
}

function portTwice(server: MemoryServer): string | undefined {
  const ports = server
    .list(kinds.pods)
    .filter((pod) => pod.metadata.name !== undefined && !pod.metadata.name.includes('copy'))
    .flatMap(({ spec }) => spec.containers.flatMap(({ ports: list = [] }) => list.map(({ hostPort }) => hostPort)));
  return new Set(ports).size < ports.length ? 'a host port is given twice' : undefined;
}

function hasFinalizer(pod: Pod | undefined): boolean {
  return pod?.metadata.finalizers?.includes(taskFinalizer) ?? false;
}

function setContainers(server: MemoryServer, pod: Pod, to: 'running' | 'terminated' | 'waiting'): void {
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return;
  const now = formatTime(server.nowMs);
  const state = {
    running: { running: { startedAt: now } },
    terminated: { terminated: { exitCode: 1, finishedAt: now } },
    waiting: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } },
  }[to];
  server.put(kinds.pods, {
    ...pod,
    spec: { ...pod.spec, nodeName: pod.spec.nodeName ?? 'n0' },
    status: {
      ...pod.status,
      phase: { running: 'Running', terminated: 'Failed', waiting: 'Pending' }[to],
      containerStatuses: pod.spec.containers.map(({ name, image = '' }) => ({
        name,
        image,
        imageID: '',
        ready: to === 'running',
        restartCount: 0,
        state,
      })),
    },
  });
}

function changed(change: (task: Task) => Task): Move {
  return (server, dice) => {
    const task = pick(server.list(tasks), dice);
    if (task) server.put(tasks, change(task));
  };
}
