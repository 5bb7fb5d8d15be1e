/**
 * The service scheduler. A look does one of: begin a deployment, for a new target or back to the last one that was completed; or lead the tasks of all
 * deployments on by one step of `rollout`. What it decides on is in the service's status and in its tasks; a deployment and a revision are
 * written down for those who ask.
 */
import type {
  Service,
  ServiceDeployment,
  ServiceRevision,
  ServiceStatus,
  StoredDeployment,
  Task,
} from '@slipway/api/ecs/kinds';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Plan, Step } from '../../runtime/step.ts';
import { restartDelayMs, thresholdOf } from './circuit-breaker.ts';
import { daemonStep } from './daemon.ts';
import {
  deploymentConfigurationOf,
  deploymentFor,
  deploymentIdOf,
  revisionFor,
  targetAnnotation,
  targetOf,
} from './deployment-target.ts';
import { type Look, lookAt } from './look.ts';
import { planNames } from './names.ts';
import type { ObservedService } from './observe.ts';
import { rolloutStep, type Tally } from './rollout.ts';
import { phrasesOf, texts } from './service-events.ts';
import { statusOf } from './service-status.ts';
import { statusOfDeployments } from './service-deployment-status.ts';
import {
  type ClassifiedTask,
  failuresSinceHealth,
  isOf,
  isProtected,
  stoppedAtMs,
  tally,
  unhealthyReason,
} from './service-tasks.ts';
import { nextProvider, taskOfService } from './task-of-service.ts';

/** So long a service that was deleted can still be described, as in ECS. */
export const keptInactiveMs = 3_600_000;
const revisionsMax = 10;

export function planService(observed: ObservedService, nowMs: number): Plan<ServiceStatus> {
  const { service } = observed;
  if (service.metadata.deletionTimestamp) return { steps: [], status: 'unchanged' };
  const names = planNames(observed, nowMs);
  const plan = planTasks(lookAt(observed, nowMs, names.conditions));
  const now = plan.status === 'unchanged' ? undefined : plan.status.events;
  const statusTells = now ? phrasesOf(service.status?.events, now) : [];
  return { ...plan, steps: [...names.steps, ...plan.steps], statusTells };
}

function planTasks(look: Look): Plan<ServiceStatus> {
  const { observed, primary } = look;
  if (observed.service.spec.desiredStatus === 'INACTIVE') return planDrain(look);
  if (!primary || !coversTarget(primary, observed)) return beginDeployment(look);
  const failed = failureOf(primary, look);
  if (failed) return planFailure(primary, failed, look);
  return planRollout(primary, look);
}

/** The primary deployment answers what the service says now. */
function coversTarget({ serviceDeployment }: StoredDeployment, { service, deployments }: ObservedService): boolean {
  const annotations = deployments.get(serviceDeployment)?.metadata.annotations;
  return annotations?.[targetAnnotation] === targetOf(service);
}

function beginDeployment(look: Look): Plan<ServiceStatus> {
  const { service, observed, deployments } = look;
  const definition = observed.definition(service.spec.taskDefinition);
  if (!definition) return planWithoutDefinition(look);
  const revision = revisionFor(service, `${definition.spec.family}:${definition.spec.revision}`);
  return beginWith(
    look,
    revision,
    deploymentFor(service, revision.metadata.name ?? '', targetOf(service), deployments),
    [],
    (id) => `ECS deployment ${id} in progress.`,
  );
}

function planWithoutDefinition(look: Look): Plan<ServiceStatus> {
  const { service, nowMs } = look;
  const text = texts.noDefinition(service.spec.taskDefinition);
  const isTold = service.status?.events?.[0]?.message.endsWith(text);
  // As long as its definition is not there the change has not been looked at.
  const { observedGeneration: _, ...status } = statusOf(look, look.deployments, isTold ? [] : [text]);
  const { observedGeneration } = service.status ?? {};
  return {
    steps: [],
    status: { ...status, ...(observedGeneration === undefined ? {} : { observedGeneration }) },
    again: { afterMs: 60_000 - (nowMs % 1000) },
  };
}

/** Writes down the revision and the deployment; in the status the deployment takes the lead of those before it. */
function beginWith(
  look: Look,
  revision: ServiceRevision,
  deployment: ServiceDeployment,
  told: readonly string[],
  reasonFor: (id: string) => string,
): Plan<ServiceStatus> {
  const { observed, deployments, desired, nowMs } = look;
  const now = formatTime(nowMs);
  const name = deployment.metadata.name ?? '';
  const first: StoredDeployment = {
    id: deploymentIdOf(deployment),
    status: 'PRIMARY',
    taskDefinition: revision.spec.taskDefinition,
    desiredCount: Math.max(desired, 0),
    pendingCount: 0,
    runningCount: 0,
    failedTasks: 0,
    createdAt: now,
    updatedAt: now,
    ...(revision.spec.launchType ? { launchType: revision.spec.launchType } : {}),
    ...(revision.spec.networkConfiguration ? { networkConfiguration: revision.spec.networkConfiguration } : {}),
    ...(revision.spec.capacityProviderStrategy
      ? { capacityProviderStrategy: revision.spec.capacityProviderStrategy }
      : {}),
    rolloutState: 'IN_PROGRESS',
    rolloutStateReason: reasonFor(deploymentIdOf(deployment)),
    serviceDeployment: name,
    serviceRevision: revision.metadata.name ?? '',
  };
  const steps: Step[] = [
    ...(observed.revisions.has(revision.metadata.name ?? '')
      ? []
      : [{ op: 'create', kind: kinds.ecsServiceRevisions, object: revision } as const]),
    ...(observed.deployments.has(name)
      ? []
      : [{ op: 'create', kind: kinds.ecsServiceDeployments, object: deployment } as const]),
  ];
  const after = [first, ...deployments.map((each) => ({ ...each, status: 'ACTIVE' as const }))];
  return {
    steps: [...steps, ...statusOfDeployments(observed, after, look, nowMs)],
    status: statusOf(look, after, told),
  };
}

/** Why the deployment that runs is given up; undefined while it is not. */
function failureOf(
  primary: StoredDeployment,
  look: Look,
): { readonly reason: string; readonly isRolledBack: boolean } | undefined {
  if (primary.rolloutState !== 'IN_PROGRESS') return undefined;
  const deployment = look.observed.deployments.get(primary.serviceDeployment);
  const { deploymentCircuitBreaker: breaker } = deploymentConfigurationOf(look.service);
  if (deployment?.spec.stopType === 'ROLLBACK') return { reason: 'stopped by user', isRolledBack: true };
  if (deployment?.spec.stopType === 'ABORT') return { reason: 'stopped by user', isRolledBack: false };
  const threshold = thresholdOf(breaker, Math.max(look.desired, 1));
  if (threshold === undefined || failuresSinceHealth(primary, look.tasks).length < threshold) return undefined;
  return { reason: 'tasks failed to start', isRolledBack: breaker?.rollback === true };
}

/** Back to the last deployment that was completed; without one the service stays as it is, and starts nothing more. */
function planFailure(
  primary: StoredDeployment,
  { reason, isRolledBack }: { readonly reason: string; readonly isRolledBack: boolean },
  look: Look,
): Plan<ServiceStatus> {
  const { service, observed, deployments } = look;
  const failed: StoredDeployment = {
    ...primary,
    rolloutState: 'FAILED',
    rolloutStateReason: `ECS deployment circuit breaker: ${reason}.`,
    updatedAt: formatTime(look.nowMs),
  };
  const told = texts.failed(primary.id, reason);
  const back = isRolledBack
    ? deployments.find((each) => each !== primary && each.rolloutState === 'COMPLETED')
    : undefined;
  const revision = back && observed.revisions.get(back.serviceRevision);
  if (!back || !revision) {
    const after = deployments.map((each) => (each === primary ? failed : each));
    return { steps: [], status: statusOf(look, after, [told]) };
  }
  const others = deployments.map((each) => (each === primary ? failed : each));
  const deployment = deploymentFor(service, back.serviceRevision, targetOf(service), others);
  const begun = { ...look, deployments: others };
  const why = `ECS deployment circuit breaker: rolling back to deploymentId ${back.id}.`;
  return beginWith(begun, revision, deployment, [told, texts.rollingBack(back.id)], () => why);
}

function planRollout(primary: StoredDeployment, look: Look): Plan<ServiceStatus> {
  const { observed, nowMs, tasks } = look;
  const revision = observed.revisions.get(primary.serviceRevision);
  const own = tasks.filter(({ task }) => isOf(task, primary));
  const old = tasks.filter((each) => !own.includes(each));
  const failures = failuresSinceHealth(primary, tasks);
  const mayStartAtMs = failures.length > 0 ? stoppedAtMs(failures[0] as Task) + restartDelayMs(failures.length) : 0;
  const isHeld = primary.rolloutState === 'FAILED' || mayStartAtMs > nowMs;
  const actions =
    look.desired < 0 ? daemonStep(look.service, own, old, observed.nodes, nowMs) : replicaStep(look, own, old);
  const starts = revision && !isHeld ? newTasks(look, primary, revision, actions.start) : [];
  const stops = actions.stop.filter(({ task }) => !isProtected(task, nowMs));
  const told = [
    ...(starts.length > 0 ? [texts.started(starts.map(({ metadata }) => metadata.name ?? ''))] : []),
    ...stops.filter(({ is }) => is === 'unhealthy').map(({ task }) => texts.unhealthy(task.metadata.name ?? '')),
    ...(stops.length > 0 ? [texts.stopped(stops.map(({ task }) => task.metadata.name ?? ''))] : []),
  ];
  const isRest = starts.length + stops.length === 0;
  const isSteady = isRest && actions.isSteady && own.every(({ is }) => is === 'healthy' || is === 'ended');
  const counted = look.deployments.filter((each) => each === primary || isLive(each, primary, look) || !isSteady);
  const completed = isSteady && primary.rolloutState === 'IN_PROGRESS';
  const after = counted.map((each) => (completed && each === primary ? complete(each, nowMs) : each));
  const wasSteady = look.service.status?.events
    ?.find(({ message }) => message.includes(' has '))
    ?.message.endsWith(texts.steady());
  if (isSteady && (completed || !wasSteady)) told.push(texts.steady());
  if (completed) told.push(texts.completed(primary.id));
  if (mayStartAtMs > nowMs && !isUnableTold(look.service)) told.push(texts.unableToStart());
  const waits = [...tasks.flatMap(({ againAtMs }) => againAtMs ?? []), ...(mayStartAtMs > nowMs ? [mayStartAtMs] : [])];
  return {
    steps: [
      ...starts.map((task) => startStep(look.service, task)),
      ...stops.map(stopStep),
      ...surplusRevisions(look),
      ...statusOfDeployments(observed, after, look, nowMs),
    ],
    status: statusOf(look, after, told),
    statusAfterFailure: () => statusOf(look, look.deployments, []),
    ...(waits.length > 0 ? { again: { afterMs: Math.max(0, Math.min(...waits) - nowMs) } } : {}),
  };
}

function isUnableTold({ status }: Service): boolean {
  const last = status?.events?.find(
    ({ message }) => !message.includes('has started') && !message.includes('has stopped'),
  );
  return last?.message.endsWith(texts.unableToStart()) ?? false;
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

export interface Actions {
  /** Nodes for which tasks are started; undefined leaves the place to the scheduler. */
  readonly start: readonly (string | undefined)[];
  readonly stop: readonly ClassifiedTask[];
  /** As many are there as shall be, and none besides. */
  readonly isSteady: boolean;
}

function replicaStep(
  { service, desired, tasks }: Look,
  own: readonly ClassifiedTask[],
  old: readonly ClassifiedTask[],
): Actions {
  const { minimumHealthyPercent = 100, maximumPercent = 200 } = deploymentConfigurationOf(service);
  const stopping = tasks.filter(({ is }) => is === 'stopping').length;
  const step = rolloutStep({
    desired,
    minimumHealthyPercent,
    maximumPercent,
    primary: tally(own),
    old: tally(old),
    stopping,
  });
  const { primary, left } = { primary: tally(own), left: tally(old) };
  const isSteady =
    primary.healthy === desired && primary.pending + primary.unhealthy === 0 && sum(left) + stopping === 0;
  return {
    start: Array.from({ length: step.start }, () => undefined),
    stop: [...take(own, step.stopPrimary), ...take(old, step.stopOld)],
    isSteady,
  };
}

function sum({ pending, healthy, unhealthy }: Tally): number {
  return pending + healthy + unhealthy;
}

/** The youngest of each class, so that what has proven itself stays. */
function take(tasks: readonly ClassifiedTask[], counts: Tally): ClassifiedTask[] {
  return (['pending', 'unhealthy', 'healthy'] as const).flatMap((is) =>
    tasks
      .filter((each) => each.is === is)
      .toSorted((a, b) => createdAtMs(b.task) - createdAtMs(a.task))
      .slice(0, counts[is]),
  );
}

function createdAtMs({ metadata }: Task): number {
  return Date.parse(metadata.creationTimestamp ?? '') || 0;
}

function newTasks(look: Look, primary: StoredDeployment, revision: ServiceRevision, starts: Actions['start']): Task[] {
  const { service, nowMs, tasks } = look;
  const counts = new Map<string, number>();
  for (const { task, is } of tasks) {
    const name = task.spec.capacityProviderName;
    if (name !== undefined && is !== 'ended' && is !== 'stopping') counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return starts.map((node, i) => {
    const capacityProvider = nextProvider(revision.spec.capacityProviderStrategy, counts);
    if (capacityProvider !== undefined) counts.set(capacityProvider, (counts.get(capacityProvider) ?? 0) + 1);
    return taskOfService(service, primary, revision, {
      // With those that are known already, so that two looks within a millisecond give different names.
      place: tasks.length + i,
      nowMs,
      capacityProvider,
      ...(node === undefined ? {} : { node }),
    });
  });
}

function startStep(service: Service, task: Task): Step {
  const failed = { type: 'Warning', reason: 'FailedCreate', message: 'Error creating: {error}' } as const;
  return { op: 'create', kind: kinds.ecsTasks, object: task, tells: { about: service, failed } };
}

function stopStep({ task, is }: ClassifiedTask): Step {
  const stoppedReason = is === 'unhealthy' ? unhealthyReason : 'Scaling activity initiated by service scheduler';
  const patch = { spec: { desiredStatus: 'STOPPED', stopCode: 'ServiceSchedulerInitiated', stoppedReason } };
  return { op: 'patch', kind: kinds.ecsTasks, target: task, patch, evenIfChanged: true, inAnyOrder: true };
}

/** Deployments that nobody shows any more, but for the last few. */
function surplusRevisions({ observed, deployments }: Look): Step[] {
  const shown = new Set(deployments.map(({ serviceDeployment }) => serviceDeployment));
  const gone = [...observed.deployments.values()]
    .filter(({ metadata }) => !shown.has(metadata.name ?? ''))
    .toSorted((a, b) => (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''));
  return gone
    .slice(0, Math.max(0, gone.length - revisionsMax))
    .map((target) => ({ op: 'delete', kind: kinds.ecsServiceDeployments, target }));
}

/** A service that was deleted: its tasks end; an hour after the last one it goes. */
function planDrain(look: Look): Plan<ServiceStatus> {
  const { service, tasks, nowMs } = look;
  const left = tasks.filter(({ is }) => is !== 'ended');
  const stops = left.filter(({ is }) => is !== 'stopping');
  const told = stops.length > 0 ? [texts.stopped(stops.map(({ task }) => task.metadata.name ?? ''))] : [];
  const status = statusOf(look, left.length > 0 ? look.deployments : [], told);
  if (left.length > 0) return { steps: stops.map(stopStep), status: { ...status, status: 'DRAINING' } };
  const endedAtMs = Math.max(
    ...tasks.map(({ task }) => stoppedAtMs(task)),
    Date.parse(service.metadata.creationTimestamp ?? '') || 0,
  );
  const leftMs = endedAtMs + keptInactiveMs - nowMs;
  const isInactive = service.status?.status === 'INACTIVE';
  if (isInactive && leftMs <= 0)
    return { steps: [{ op: 'delete', kind: kinds.ecsServices, target: service }], status: 'unchanged' };
  return { steps: [], status: { ...status, status: 'INACTIVE' }, again: { afterMs: Math.max(leftMs, 1000) } };
}
