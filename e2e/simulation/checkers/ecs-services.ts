/** In the end every service of ECS is as it was told to be, says so, and nothing of it is left over. */
import type { Service, StoredDeployment, Task } from '@slipway/api/ecs/kinds';
import type { KubeObject, Pod } from '@slipway/api/types';
import type { Ledger } from '../ledger.ts';
import { isTerminal } from '../parts/pod-on-node.ts';
import type { World } from '../world.ts';
import type { Checker } from './checker.ts';
import { hasEnded, isHealthy, nodesIn, zonesOf } from './ecs-percents.ts';
import { isControlledBy } from './replicas.ts';

const tasksResource = 'ecs.slipway.dev/tasks';

export function ecsServices(): Checker {
  return {
    name: 'ecs services',
    settled: async (world) => {
      const { ledger } = world;
      for (const service of ledger.list<Service>('ecs.slipway.dev/services')) {
        const wrong = wrongWith(service, world);
        if (wrong) return `service ${service.metadata.namespace}/${service.metadata.name}: ${wrong}`;
      }
      return leftOver(ledger);
    },
  };
}

function wrongWith(service: Service, world: World): string | undefined {
  const { ledger } = world;
  const { spec, status = {}, metadata } = service;
  const tasks = ledger.list<Task>(tasksResource).filter((task) => isControlledBy(task, service) && !hasEnded(task));
  if (spec.desiredStatus === 'INACTIVE') {
    if (tasks.length > 0) return `it is deleted, and has ${tasks.length} tasks`;
    return status.status === 'INACTIVE' ? undefined : `it is deleted, and ${status.status}`;
  }
  if (status.observedGeneration !== metadata.generation) return 'the status is of an older generation';
  const [primary, ...others] = status.deployments ?? [];
  if (primary?.status !== 'PRIMARY') return `its first deployment is ${primary?.status ?? 'not there'}`;
  if (others.some((each) => each.status === 'PRIMARY')) return 'it has two deployments that are PRIMARY';
  // A deployment that was given up with nothing to go back to stays as it is.
  if (primary.rolloutState === 'FAILED') return givenUp(service, primary, tasks);
  const wanted = wantedOf(service, world);
  const unhealthy = tasks.find((task) => !isHealthy(task, world));
  if (unhealthy)
    return `task ${unhealthy.metadata.name} is ${unhealthy.status?.lastStatus}, ${unhealthy.status?.healthStatus}`;
  if (tasks.length !== wanted) return `${wanted} tasks are wanted, ${tasks.length} are there`;
  const older = tasks.find((task) => task.spec.serviceRevision !== primary.serviceRevision);
  if (older) return `task ${older.metadata.name} is of an older revision`;
  if (primary.rolloutState !== 'COMPLETED') return `its deployment is ${primary.rolloutState}`;
  if (others.length > 0) return `${others.length} older deployments are left`;
  if (status.runningCount !== wanted || status.pendingCount !== 0 || status.desiredCount !== wanted) {
    return `the status says ${status.runningCount} of ${status.desiredCount} tasks, ${status.pendingCount} pending; there are ${wanted}`;
  }
  const last = status.events?.find(({ message }) => message.includes(') has '))?.message ?? '';
  return last.endsWith('has reached a steady state.') ? undefined : `it tells last: ${last}`;
}

function wantedOf(service: Service, world: World): number {
  const { schedulingStrategy, desiredCount = 1 } = service.spec;
  return schedulingStrategy === 'DAEMON' ? nodesIn(zonesOf(service), world) : desiredCount;
}

function givenUp({ spec }: Service, { rolloutState }: StoredDeployment, tasks: readonly Task[]): string | undefined {
  const most = Math.floor(((spec.desiredCount ?? 100) * (spec.deploymentConfiguration?.maximumPercent ?? 200)) / 100);
  return tasks.length <= most ? undefined : `it is ${rolloutState}, and has ${tasks.length} tasks`;
}

/** Tasks without their pods, pods without their tasks. */
function leftOver(ledger: Ledger): string | undefined {
  const pods = ledger.list<Pod>('core/pods');
  const tasks = ledger.list<Task>(tasksResource);
  for (const task of tasks) {
    const pod = pods.find((each) => isControlledBy(each, task));
    const isRunning = pod !== undefined && !isTerminal(pod);
    if (hasEnded(task) === isRunning) {
      return `task ${task.metadata.namespace}/${task.metadata.name} is ${task.status?.lastStatus}, its pod ${pod?.status?.phase ?? 'is not there'}`;
    }
  }
  const isOfTask = ({ metadata }: KubeObject) => metadata.ownerReferences?.some(({ kind }) => kind === 'Task');
  const left = pods.find((pod) => isOfTask(pod) && !tasks.some((task) => isControlledBy(pod, task)));
  return left && `pod ${left.metadata.namespace}/${left.metadata.name} has no task any more`;
}

/** A roll-back goes to the deployment that was COMPLETED last. */
export function ecsRollbacks(): Checker {
  /** By uid of the service. */
  const completed = new Map<string, StoredDeployment>();
  return {
    name: 'ecs rollbacks',
    changed: ({ resource, object, before, type, revision }, world) => {
      if (resource !== 'ecs.slipway.dev/services' || type !== 'put') return undefined;
      const { metadata, status } = object as Service;
      const uid = metadata.uid ?? '';
      const [primary] = status?.deployments ?? [];
      const [former] = (before?.object as Service | undefined)?.status?.deployments ?? [];
      const last = completed.get(uid);
      if (primary?.rolloutState === 'COMPLETED') completed.set(uid, primary);
      if (world.hadTwoLeaders || !primary || !former || primary.id === former.id) return undefined;
      const told = status?.events?.map(({ message }) => /rolling back to deployment (\S+?)\.$/.exec(message)?.[1]);
      const isBack = status?.deployments?.[1]?.rolloutState === 'FAILED' && former.rolloutState !== 'FAILED';
      if (!isBack) return undefined;
      const name = `service ${metadata.namespace}/${metadata.name}`;
      if (primary.serviceRevision !== last?.serviceRevision) {
        return `${name} rolls back to ${primary.taskDefinition} at revision ${revision}, completed last was ${last?.taskDefinition ?? 'none'}`;
      }
      return told?.includes(last.id) ? undefined : `${name} does not tell that it rolls back to ${last.id}`;
    },
  };
}
