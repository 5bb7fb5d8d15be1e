import type { Service, Task } from '@slipway/api/ecs/kinds';
import { keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { isControlledBy } from '../../runtime/owner.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws, Move } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { aDefinedContainer, aService, aTaskDefinition } from '../testing/ecs-builders.ts';

const { ecsServices: services, ecsTasks: tasks, ecsTaskDefinitions: definitions } = kinds;
/** The most tasks that a service of these histories is ever told to have. */
const desiredMax = 4;

export const ecsServiceLaws: ControllerLaws = {
  controller: 'ecs-service',
  mayDie: true,
  primary: services,
  children: [tasks, kinds.ecsServiceDeployments, kinds.ecsServiceRevisions, kinds.services],
  restsAfterMs: 3 * 3_600_000,
  start(server) {
    for (const revision of [1, 2]) {
      const portMappings = [{ containerPort: 80 * revision, name: 'http' }];
      server.put(definitions, aTaskDefinition({ revision }, [aDefinedContainer('web', { portMappings })]));
    }
    server.put(services, aService({ desiredCount: 2, taskDefinition: 'web:1' }));
    const breaker = { enable: true, rollback: true };
    const careful = { minimumHealthyPercent: 50, maximumPercent: 100, deploymentCircuitBreaker: breaker };
    const spec = { desiredCount: 3, taskDefinition: 'web:1', deploymentConfiguration: careful };
    server.put(services, aService(spec, { name: 'api', uid: 'uid-api' }));
  },
  moves: {
    'tasks get up': (server) => everyTask(server, run),
    'tasks get up, and it takes its time': (server) => everyTask(server, run),
    'tasks that shall stop have stopped': (server) => everyTask(server, stop),
    'a task fails': (server, dice) => {
      const task = pick(server.list(tasks), dice);
      if (task) end(server, task, 'TaskFailedToStart');
    },
    'another definition': changed((spec, dice) => ({ ...spec, taskDefinition: `web:${1 + (dice % 2)}` })),
    'another count': changed((spec, dice) => ({ ...spec, desiredCount: dice % (desiredMax + 1) })),
    'a new deployment is forced': changed((spec, dice) => ({ ...spec, forceNewDeployment: dice })),
    'it is taken out of service': changed((spec) => ({ ...spec, desiredStatus: 'INACTIVE' })),
  },
  mayWrite: ({ verb, kindId }) => kindId === 'services.ecs.slipway.dev' && verb === 'delete',
  never({ kindId, verb, after }, server) {
    if (kindId !== 'tasks.ecs.slipway.dev' || verb !== 'create' || !after) return undefined;
    const service = server.list(services).find((owner) => isControlledBy(after, owner));
    if (!service) return 'a task of nobody';
    const { maximumPercent = 200 } = service.spec.deploymentConfiguration ?? {};
    const alive = server.list(tasks).filter((task) => isControlledBy(task, service) && isAlive(task)).length;
    const most = Math.floor((desiredMax * maximumPercent) / 100);
    return alive > most ? `${alive} tasks, ${most} at most are allowed` : undefined;
  },
  atRest(server) {
    for (const service of server.list(services)) {
      const wrong = wrongWith(service, server);
      if (wrong) return `${keyOf(service)}: ${wrong}`;
    }
    return undefined;
  },
};

function wrongWith(service: Service, server: MemoryServer): string | undefined {
  if (service.metadata.deletionTimestamp) return undefined;
  const own = server.list(tasks).filter((task) => isControlledBy(task, service) && isAlive(task));
  const wanted = own.filter(({ spec, metadata }) => spec.desiredStatus !== 'STOPPED' && !metadata.deletionTimestamp);
  if (service.spec.desiredStatus === 'INACTIVE') return wanted.length > 0 ? 'tasks of it go on' : undefined;
  const { desiredCount = 1 } = service.spec;
  if (wanted.length > desiredCount * 2) return `${wanted.length} tasks for ${desiredCount}`;
  return wanted.length === 0 && own.length === 0 && desiredCount > 0 && !hasGivenUp(service) ? 'no tasks' : undefined;
}

function hasGivenUp({ status }: Service): boolean {
  return status?.deployments?.[0]?.rolloutState === 'FAILED';
}

function isAlive({ status }: Task): boolean {
  return status?.lastStatus !== 'STOPPED';
}

function everyTask(server: MemoryServer, act: (server: MemoryServer, task: Task) => void): void {
  for (const task of server.list(tasks)) act(server, task);
}

function run(server: MemoryServer, task: Task): void {
  if (task.spec.desiredStatus === 'STOPPED' || task.status?.lastStatus) return;
  const status = { lastStatus: 'RUNNING', healthStatus: 'UNKNOWN', startedAt: formatTime(server.nowMs) } as const;
  server.put(tasks, { ...task, status });
}

function stop(server: MemoryServer, task: Task): void {
  if (task.spec.desiredStatus === 'STOPPED') end(server, task, 'ServiceSchedulerInitiated');
}

function end(server: MemoryServer, task: Task, stopCode: 'TaskFailedToStart' | 'ServiceSchedulerInitiated'): void {
  if (!isAlive(task)) return;
  server.put(tasks, {
    ...task,
    spec: { ...task.spec, desiredStatus: 'STOPPED' },
    status: { ...task.status, lastStatus: 'STOPPED', stopCode, stoppedAt: formatTime(server.nowMs) },
  });
}

function changed(change: (spec: Service['spec'], dice: number) => Service['spec']): Move {
  return (server, dice) => {
    const service = pick(server.list(services), dice);
    if (service) server.put(services, { ...service, spec: change(service.spec, Math.floor(dice / 3)) });
  };
}
