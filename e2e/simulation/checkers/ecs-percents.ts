/**
 * What the scheduler of ECS services may never do, at any revision.
 *
 * - It starts no task when those that have not ended would be more than the maximum: `floor(desired * maximumPercent / 100)`.
 * - It stops no healthy task when those that are left would be fewer than the minimum: `ceil(desired * minimumHealthyPercent / 100)`. What
 *   others take away (a node that goes, a user, a container that ends) is not held against it: a task that was healthy within the time that the
 *   scheduler may be behind counts as left, unless the scheduler itself has stopped it.
 * - A DAEMON has one task on a node at a time; its minimum is of the nodes.
 * - It stops no task that is protected, at all.
 *
 * `desired` and the percents are those of the time that the scheduler may be behind, whichever allow more. In calm times that is a second.
 */
import type { Service, Task, TaskDefinition } from '@slipway/api/ecs/kinds';
import type { Node } from '@slipway/api/types';
import type { LedgerChange } from '../ledger.ts';
import type { World } from '../world.ts';
import type { Checker } from './checker.ts';
import { History } from './history.ts';
import { isControlledBy } from './replicas.ts';

interface Bounds {
  readonly least: number;
  readonly most: number;
}

const tasksResource = 'ecs.slipway.dev/tasks';

export function ecsPercents(): Checker {
  const said = new History<Bounds>();
  const nodes = new History<number>();
  /** When a task was healthy last, by uid: now, or until then. */
  const healthyUntilMs = new Map<string, number>();
  const look = (change: LedgerChange, world: World): string | undefined => {
    if (change.resource === 'core/nodes') countNodes(nodes, world);
    if (change.resource === 'ecs.slipway.dev/services') {
      const { spec, metadata } = change.object as Service;
      said.say(metadata.uid ?? '', boundsOf(spec), world.clock);
    }
    if (change.resource !== tasksResource) return undefined;
    const task = change.object as Task;
    const before = change.before?.object as Task | undefined;
    if (before && isHealthy(before, world)) healthyUntilMs.set(task.metadata.uid ?? '', world.clock.monotonicMs());
    if (change.type !== 'put' || world.hadTwoLeaders) return undefined;
    const service = world.ledger.list<Service>('ecs.slipway.dev/services').find((each) => isControlledBy(task, each));
    if (!service) return undefined;
    if (!before) return tooMany(task, service, change, world, said);
    if (!isStoppedByScheduler(task) || isStoppedByScheduler(before)) return undefined;
    // A request of one that is dead arrives when its successor has looked already, and nobody is left to know of it.
    if (!world.acknowledged.isChangerAlive(change.key)) return undefined;
    return (
      stoppedThoughProtected(before, service, change, world) ??
      tooFew(before, service, change, world, { said, nodes, healthyUntilMs })
    );
  };
  return {
    name: 'ecs percents',
    begin: (world) => countNodes(nodes, world),
    changed: look,
  };
}

function boundsOf({
  desiredStatus,
  schedulingStrategy,
  desiredCount = 1,
  deploymentConfiguration = {},
}: Service['spec']): Bounds {
  if (desiredStatus === 'INACTIVE') return { least: 0, most: 0 };
  const isDaemon = schedulingStrategy === 'DAEMON';
  const { minimumHealthyPercent = isDaemon ? 0 : 100, maximumPercent = isDaemon ? 100 : 200 } = deploymentConfiguration;
  if (isDaemon) return { least: minimumHealthyPercent, most: 0 };
  return {
    least: Math.ceil((desiredCount * minimumHealthyPercent) / 100),
    most: Math.floor((desiredCount * maximumPercent) / 100),
  };
}

function tooMany(task: Task, service: Service, { key, revision }: LedgerChange, world: World, said: History<Bounds>) {
  const { acknowledged, ledger, clock, staleMs } = world;
  if (!acknowledged.isKnownToMaker(task, tasksResource)) return undefined;
  const alive = ledger
    .list<Task>(tasksResource)
    .filter(
      (each) => isControlledBy(each, service) && !hasEnded(each) && acknowledged.isKnownToMaker(each, tasksResource),
    );
  const node = task.spec.containerInstance;
  if (service.spec.schedulingStrategy === 'DAEMON') {
    const here = alive.filter(({ spec }) => spec.containerInstance === node);
    return here.length > 1
      ? `${nameOf(service)} has ${here.length} tasks on ${node} at revision ${revision}, with ${key}`
      : undefined;
  }
  const most = Math.max(...said.within(service.metadata.uid ?? '', staleMs, clock).map((each) => each.most));
  if (alive.length <= most) return undefined;
  return `${nameOf(service)} has ${alive.length} tasks at revision ${revision}, ${most} at most are allowed`;
}

interface Known {
  readonly said: History<Bounds>;
  readonly nodes: History<number>;
  readonly healthyUntilMs: ReadonlyMap<string, number>;
}

function tooFew(
  task: Task,
  service: Service,
  { key, revision }: LedgerChange,
  world: World,
  { said, nodes, healthyUntilMs }: Known,
): string | undefined {
  if (!isHealthy(task, world)) return undefined;
  const { clock, staleMs, ledger } = world;
  const isDaemon = service.spec.schedulingStrategy === 'DAEMON';
  // A node that takes no tasks any more is none of those that the minimum is of, and what is there counts for nothing.
  if (isDaemon && !isUsable(nodeOf(task, world))) return undefined;
  const bounds = said.within(service.metadata.uid ?? '', staleMs, clock);
  const desired = isDaemon ? Math.min(...nodes.within(zonesOf(service), staleMs, clock)) : 100;
  const least = Math.min(...bounds.map((each) => (isDaemon ? Math.ceil((each.least * desired) / 100) : each.least)));
  const fromMs = clock.monotonicMs() - staleMs;
  const left = ledger
    .list<Task>(tasksResource)
    .filter(
      (each) =>
        isControlledBy(each, service) &&
        !(isStoppedByScheduler(each) && world.acknowledged.isChangerAlive(keyOfTask(each))) &&
        (isHealthy(each, world) || (healthyUntilMs.get(each.metadata.uid ?? '') ?? Number.NEGATIVE_INFINITY) >= fromMs),
    );
  if (left.length >= least) return undefined;
  return `${nameOf(service)} stops ${key} at revision ${revision} and leaves ${left.length} healthy tasks, ${least} are promised`;
}

/** A service that is deleted takes its tasks along, protected or not. */
function stoppedThoughProtected(
  before: Task,
  service: Service,
  { key, revision }: LedgerChange,
  world: World,
): string | undefined {
  const { protection } = before.spec;
  if (!protection || world.hadClockJumps || service.spec.desiredStatus === 'INACTIVE') return undefined;
  const leftMs = Date.parse(protection.expirationDate) - world.clock.nowMs();
  return leftMs > 1_000
    ? `${key} is stopped at revision ${revision}, and protected for another ${leftMs} ms`
    : undefined;
}

function isStoppedByScheduler({ spec }: Task): boolean {
  return spec.desiredStatus === 'STOPPED' && spec.stopCode === 'ServiceSchedulerInitiated';
}

export function hasEnded({ status }: Task): boolean {
  return status?.lastStatus === 'STOPPED';
}

/** It runs and shall run, and its check says nothing against it. */
export function isHealthy({ spec, status, metadata }: Task, world: World): boolean {
  if (status?.lastStatus !== 'RUNNING' || spec.desiredStatus === 'STOPPED' || metadata.deletionTimestamp) return false;
  const definition = world.ledger
    .list<TaskDefinition>('ecs.slipway.dev/taskdefinitions')
    .find((each) => `${each.spec.family}:${each.spec.revision}` === (status.taskDefinition ?? spec.taskDefinition));
  const isChecked = definition?.spec.containerDefinitions?.some(({ healthCheck }) => healthCheck !== undefined);
  return !isChecked || status.healthStatus === 'HEALTHY';
}

function nodeOf({ spec }: Task, { ledger }: World): Node | undefined {
  return ledger.list<Node>('core/nodes').find(({ metadata }) => metadata.name === spec.containerInstance);
}

function isUsable(node: Node | undefined): boolean {
  return node !== undefined && !node.spec?.unschedulable;
}

/** The nodes that a service keeps to: those of the zone `b`, or `all`. */
export function zonesOf({ spec }: Service): 'all' | 'b' {
  return spec.placementConstraints?.some(({ type }) => type === 'memberOf') ? 'b' : 'all';
}

export function nodesIn(zones: 'all' | 'b', { ledger }: World): number {
  const isThere = ({ metadata }: Node) => zones === 'all' || metadata.labels?.['topology.kubernetes.io/zone'] === zones;
  return ledger.list<Node>('core/nodes').filter((node) => isUsable(node) && isThere(node)).length;
}

function countNodes(nodes: History<number>, world: World): void {
  for (const zones of ['all', 'b'] as const) nodes.say(zones, nodesIn(zones, world), world.clock);
}

function keyOfTask({ metadata }: Task): string {
  return `/registry/${tasksResource}/${metadata.namespace}/${metadata.name}`;
}

function nameOf({ metadata }: Service): string {
  return `service ${metadata.namespace}/${metadata.name}`;
}
