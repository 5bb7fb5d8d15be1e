/**
 * The service scheduler. A look does one of: begin a deployment, for a new target or back to the last one that was completed; or lead the tasks of all
 * deployments on by one step of `rollout`. What it decides on is in the service's status and in its tasks; a deployment and a revision are
 * written down for those who ask.
 */
import { serviceLosses } from '@slipway/api/ecs/without-effect';
import type { ServiceDeployment, ServiceRevision, ServiceStatus, StoredDeployment } from '@slipway/api/ecs/kinds';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Plan, Step } from '../../runtime/step.ts';
import { thresholdOf } from './circuit-breaker.ts';
import {
  deploymentConfigurationOf,
  deploymentFor,
  deploymentIdOf,
  revisionFor,
  targetAnnotation,
  targetOf,
} from './deployment-target.ts';
import { type Look, lookAt } from './look.ts';
import { conditionsOf, effectOf } from '../task/task-status.ts';
import { planNames } from './names.ts';
import { planRollout, shownDeployments, stopStep } from './plan-rollout.ts';
import type { ObservedService } from './observe.ts';
import { phrasesOf, texts } from './service-events.ts';
import { statusOf } from './service-status.ts';
import { statusOfDeployments } from './service-deployment-status.ts';
import { failuresSinceHealth, stoppedAtMs } from './service-tasks.ts';

/** So long a service that was deleted can still be described, as in ECS. */
export const keptInactiveMs = 3_600_000;

export function planService(observed: ObservedService, nowMs: number): Plan<ServiceStatus> {
  const { service } = observed;
  if (service.metadata.deletionTimestamp) return { steps: [], status: 'unchanged' };
  const names = planNames(observed, nowMs);
  const conditions = conditionsOf(names.conditions, [effectOf(serviceLosses(service))], nowMs);
  const plan = planTasks(lookAt(observed, nowMs, conditions));
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
  const { observed, desired, nowMs } = look;
  const primary = look.deployments.find(({ status }) => status === 'PRIMARY');
  const now = formatTime(nowMs);
  const name = deployment.metadata.name ?? '';
  const first: StoredDeployment = {
    id: deploymentIdOf(deployment),
    status: 'PRIMARY',
    taskDefinition: revision.spec.taskDefinition,
    desiredCount: desired,
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
  const before = primary ? shownDeployments(look, primary, false) : [];
  const after = [first, ...before.map((each) => ({ ...each, status: 'ACTIVE' as const }))];
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
  const failures = failuresSinceHealth(primary, look.tasks, breaker?.resetOnHealthyTask);
  if (threshold === undefined || failures.length < threshold) return undefined;
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
  const back = isRolledBack ? deployments.find(({ rolloutState }) => rolloutState === 'COMPLETED') : undefined;
  const revision = back && observed.revisions.get(back.serviceRevision);
  // A roll-back that fails in its turn is not tried again.
  if (!back || !revision || back.serviceRevision === primary.serviceRevision) {
    const after = deployments.map((each) => (each === primary ? failed : each));
    return { steps: [], status: statusOf(look, after, [told]) };
  }
  const others = deployments.map((each) => (each === primary ? failed : each));
  const deployment = deploymentFor(service, back.serviceRevision, targetOf(service), others);
  const begun = { ...look, deployments: others };
  const why = `ECS deployment circuit breaker: rolling back to deploymentId ${back.id}.`;
  return beginWith(begun, revision, deployment, [told, texts.rollingBack(back.id)], () => why);
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
