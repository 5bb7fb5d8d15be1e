/** Leads the tasks of all deployments of a service on by one step, within its percents. Pure. */
import type { Service, ServiceRevision, ServiceStatus, StoredDeployment, Task } from '@slipway/api/ecs/kinds';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Plan, Step } from '../../runtime/step.ts';
import { chooseStops } from './choose-stops.ts';
import { restartDelayMs } from './circuit-breaker.ts';
import { daemonStep } from './daemon.ts';
import { deploymentConfigurationOf } from './deployment-target.ts';
import type { Look } from './look.ts';
import { asMove, givenUpAtMs, type Move, movesFor } from './rebalance.ts';
import { rolloutStep, type Tally } from './rollout.ts';
import { statusOfDeployments } from './service-deployment-status.ts';
import { isTold, texts } from './service-events.ts';
import { statusOf } from './service-status.ts';
import {
  type ClassifiedTask,
  failuresSinceHealth,
  isOf,
  isProtected,
  protectedUntilMs,
  stoppedAtMs,
  tally,
  unhealthyReason,
} from './service-tasks.ts';
import { nextProvider, taskOfService } from './task-of-service.ts';

const revisionsMax = 10;

/** A task to start: for a node, in place of another task, or wherever the cluster's scheduler sees fit. */
export interface Start {
  readonly node?: string;
  readonly move?: Move;
}

export interface Actions {
  readonly start: readonly Start[];
  readonly stop: readonly ClassifiedTask[];
  /** As many are there as shall be, and none besides. */
  readonly isSteady: boolean;
  /** The percents leave room neither to start nor to stop. */
  readonly isStuck: boolean;
}

export function planRollout(primary: StoredDeployment, look: Look): Plan<ServiceStatus> {
  const { service, observed, nowMs, own } = look;
  const revision = observed.revisions.get(primary.serviceRevision);
  const mayStartAtMs = startsAgainAtMs(primary, look);
  const isHeld = primary.rolloutState === 'FAILED' || mayStartAtMs > nowMs;
  const step = look.isDaemon ? daemonStep(look) : replicaStep(look);
  const isCalm = step.isSteady && step.start.length + step.stop.length === 0;
  const moves = isCalm && primary.rolloutState === 'COMPLETED' ? movesFor(look) : [];
  const starts = revision && !isHeld ? newTasks(look, primary, revision, [...step.start, ...moves.map(toStart)]) : [];
  const stops = step.stop;
  const isRest = starts.length + stops.length === 0;
  const isSteady = isRest && step.isSteady && own.every(({ is }) => is === 'healthy' || is === 'ended');
  const completed = isSteady && primary.rolloutState === 'IN_PROGRESS';
  const after = shownDeployments(look, primary, isSteady).map((each) =>
    completed && each === primary ? complete(each, nowMs) : each,
  );
  const told = [
    ...toldOf(starts, stops),
    ...(isSteady && (completed || !isTold(service, 'steady', texts.steady())) ? [texts.steady()] : []),
    ...(completed ? [texts.completed(primary.id)] : []),
    ...troubles(look, { isWaiting: mayStartAtMs > nowMs, isStuck: step.isStuck }),
  ];
  const waits = [...waitsOf(look), ...(mayStartAtMs > nowMs ? [mayStartAtMs] : [])];
  return {
    steps: [
      ...starts.map((task) => startStep(service, task)),
      ...stops.map(stopStep),
      ...surplusDeployments(look),
      ...statusOfDeployments(observed, after, look, nowMs),
    ],
    status: statusOf(look, after, told),
    statusAfterFailure: () => statusOf(look, look.deployments, []),
    ...(waits.length > 0 ? { again: { afterMs: Math.max(0, Math.min(...waits) - nowMs) } } : {}),
  };
}

const toStart = (move: Move): Start => ({ move });

function startsAgainAtMs(primary: StoredDeployment, { tasks }: Look): number {
  const failures = failuresSinceHealth(primary, tasks);
  const [newest] = failures;
  return newest ? stoppedAtMs(newest) + restartDelayMs(failures.length) : 0;
}

/** When something becomes true by time alone. */
function waitsOf({ tasks, own, nowMs }: Look): number[] {
  return [
    ...tasks.flatMap(({ againAtMs }) => againAtMs ?? []),
    ...tasks.flatMap(({ task, is }) => (is !== 'ended' && isProtected(task, nowMs) ? [protectedUntilMs(task)] : [])),
    ...own.flatMap((each) => givenUpAtMs(each) ?? []),
  ];
}

function toldOf(starts: readonly Task[], stops: readonly ClassifiedTask[]): string[] {
  const name = ({ metadata }: Task) => metadata.name ?? '';
  return [
    ...(starts.length > 0 ? [texts.started(starts.map(name))] : []),
    ...stops.filter(({ is }) => is === 'unhealthy').map(({ task }) => texts.unhealthy(name(task))),
    ...(stops.length > 0 ? [texts.stopped(stops.map(({ task }) => name(task)))] : []),
  ];
}

/** What does not go on by itself. Each is told once, until the service was steady again. */
function troubles(
  { service, own }: Look,
  { isWaiting, isStuck }: { readonly isWaiting: boolean; readonly isStuck: boolean },
): string[] {
  const why = own.flatMap(({ task, is }) => {
    const placed = task.status?.conditions?.find(({ type }) => type === 'Placed');
    return is === 'pending' && placed?.reason === 'Unschedulable' ? [placed.message] : [];
  })[0];
  return [
    ...(isWaiting ? [texts.unableToStart()] : []),
    ...(isStuck ? [texts.stuck()] : []),
    ...(why === undefined ? [] : [texts.unableToPlace(why)]),
  ].filter((text) => !isTold(service, 'since steady', text));
}

/**
 * The primary one, those that still have tasks, and as long as the primary one is under way what it may go back to, and what it came from
 * because that had failed.
 */
export function shownDeployments(
  look: Look,
  primary: StoredDeployment,
  isSteady: boolean,
): readonly StoredDeployment[] {
  const [lastCompleted] = look.deployments.filter((each) => each !== primary && each.rolloutState === 'COMPLETED');
  const isUnderWay = primary.rolloutState !== 'COMPLETED' && !isSteady;
  return look.deployments.filter(
    (each) =>
      each === primary ||
      isLive(each, primary, look) ||
      (isUnderWay && (each === lastCompleted || each.rolloutState === 'FAILED')),
  );
}

function complete(deployment: StoredDeployment, nowMs: number): StoredDeployment {
  return {
    ...deployment,
    rolloutState: 'COMPLETED',
    rolloutStateReason: `ECS deployment ${deployment.id} completed.`,
    updatedAt: formatTime(nowMs),
  };
}

/** Something of it has not ended yet. */
function isLive(deployment: StoredDeployment, primary: StoredDeployment, { tasks }: Look): boolean {
  return tasks.some(({ task, is }) => is !== 'ended' && isOf(task, deployment) && !isOf(task, primary));
}

function replicaStep({ service, desired, tasks, own, old, nowMs, deployments }: Look): Actions {
  const { minimumHealthyPercent = 100, maximumPercent = 200 } = deploymentConfigurationOf(service);
  const stopping = tasks.filter(({ is }) => is === 'stopping').length;
  const unplaced = own.filter((each) => (givenUpAtMs(each) ?? nowMs + 1) <= nowMs);
  const primary = tally(own.filter((each) => !unplaced.includes(each)));
  const left = tally(old);
  const step = rolloutStep({ desired, minimumHealthyPercent, maximumPercent, primary, old: left, stopping });
  const inOrder = deployments.map(({ serviceRevision }) => serviceRevision);
  const stop = [
    ...unplaced,
    ...chooseStops(own, step.stopPrimary, { nowMs, newestFirst: inOrder }).filter((each) => !unplaced.includes(each)),
    ...chooseStops(old, step.stopOld, { nowMs, newestFirst: inOrder }),
  ];
  const wants = step.start + sum(step.stopPrimary) + sum(step.stopOld);
  return {
    start: Array.from({ length: step.start }, () => ({})),
    stop,
    isSteady: primary.healthy === desired && primary.pending + primary.unhealthy === 0 && sum(left) + stopping === 0,
    isStuck: wants + stopping + primary.pending === 0 && sum(left) > 0 && primary.healthy < desired,
  };
}

function sum({ pending, healthy, unhealthy }: Tally): number {
  return pending + healthy + unhealthy;
}

function newTasks(look: Look, primary: StoredDeployment, revision: ServiceRevision, starts: readonly Start[]): Task[] {
  const { service, nowMs, tasks, observed } = look;
  const definition = observed.definition(revision.spec.taskDefinition);
  const counts = new Map<string, number>();
  for (const { task, is } of tasks) {
    const name = task.spec.capacityProviderName;
    if (name !== undefined && is !== 'ended' && is !== 'stopping') counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return starts.map(({ node, move }, i) => {
    const capacityProvider = nextProvider(revision.spec.capacityProviderStrategy, counts);
    if (capacityProvider !== undefined) counts.set(capacityProvider, (counts.get(capacityProvider) ?? 0) + 1);
    const task = taskOfService(service, primary, revision, {
      // With those that are known already, so that two looks within a millisecond give different names.
      place: tasks.length + i,
      nowMs,
      capacityProvider,
      definition,
      ...(node === undefined ? {} : { node }),
    });
    return move ? asMove(task, move) : task;
  });
}

function startStep(service: Service, task: Task): Step {
  const failed = { type: 'Warning', reason: 'FailedCreate', message: 'Error creating: {error}' } as const;
  return { op: 'create', kind: kinds.ecsTasks, object: task, once: true, tells: { about: service, failed } };
}

/** A task that has been protected meanwhile is left alone. */
export function stopStep({ task, is }: ClassifiedTask): Step {
  const stoppedReason = is === 'unhealthy' ? unhealthyReason : 'Scaling activity initiated by service scheduler';
  const patch = { spec: { desiredStatus: 'STOPPED', stopCode: 'ServiceSchedulerInitiated', stoppedReason } };
  return { op: 'patch', kind: kinds.ecsTasks, target: task, patch, ifSpecUnchanged: true, inAnyOrder: true };
}

/** Deployments that nobody shows any more, but for the last few. */
function surplusDeployments({ observed, deployments }: Look): Step[] {
  const shown = new Set(deployments.map(({ serviceDeployment }) => serviceDeployment));
  const gone = [...observed.deployments.values()]
    .filter(({ metadata }) => !shown.has(metadata.name ?? ''))
    .toSorted((a, b) => (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''));
  return gone
    .slice(0, Math.max(0, gone.length - revisionsMax))
    .map((target) => ({ op: 'delete', kind: kinds.ecsServiceDeployments, target }));
}
