/** What a ServiceDeployment tells of itself. Derived from the service's own list; written where it differs. */
import { isDeepStrictEqual } from 'node:util';
import type { ServiceDeployment, ServiceDeploymentStatus, StoredDeployment } from '@slipway/api/ecs/kinds';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Step } from '../../runtime/step.ts';
import { thresholdOf } from './circuit-breaker.ts';
import { deploymentConfigurationOf } from './deployment-target.ts';
import type { ObservedService } from './observe.ts';
import { failuresSinceHealth } from './service-tasks.ts';
import type { Look } from './look.ts';

export function statusOfDeployments(
  { deployments }: ObservedService,
  shown: readonly StoredDeployment[],
  look: Look,
  nowMs: number,
): Step[] {
  const [primary] = shown;
  return [...deployments.values()].flatMap((deployment): Step[] => {
    const entry = shown.find(({ serviceDeployment }) => serviceDeployment === deployment.metadata.name);
    const status = statusOf(deployment, entry, primary, look, nowMs);
    if (isDeepStrictEqual(status, deployment.status)) return [];
    const patch = { status };
    return [
      {
        op: 'patch',
        kind: kinds.ecsServiceDeployments,
        target: deployment,
        patch,
        subresource: 'status',
        evenIfChanged: true,
        inAnyOrder: true,
      },
    ];
  });
}

function statusOf(
  deployment: ServiceDeployment,
  entry: StoredDeployment | undefined,
  primary: StoredDeployment | undefined,
  look: Look,
  nowMs: number,
): ServiceDeploymentStatus {
  const before = deployment.status ?? {};
  const now = formatTime(nowMs);
  const state = stateOf(before.status, entry, primary);
  const isOver = !['PENDING', 'IN_PROGRESS', 'ROLLBACK_IN_PROGRESS', 'ROLLBACK_REQUESTED', 'STOP_REQUESTED'].includes(
    state,
  );
  const { deploymentCircuitBreaker: breaker } = deploymentConfigurationOf(look.service);
  const threshold = thresholdOf(breaker, Math.max(look.desired, 1));
  const status: ServiceDeploymentStatus = {
    ...before,
    status: state,
    startedAt: before.startedAt ?? entry?.createdAt ?? now,
    ...(isOver ? { finishedAt: before.finishedAt ?? now } : {}),
    ...(entry?.rolloutStateReason ? { statusReason: entry.rolloutStateReason } : {}),
    targetServiceRevision: {
      name: deployment.spec.targetServiceRevision,
      requestedTaskCount: entry?.desiredCount ?? before.targetServiceRevision?.requestedTaskCount ?? 0,
      runningTaskCount: entry?.runningCount ?? 0,
      pendingTaskCount: entry?.pendingCount ?? 0,
    },
    ...(state.startsWith('ROLLBACK') && primary
      ? {
          rollback: before.rollback ?? {
            reason: entry?.rolloutStateReason ?? '',
            startedAt: now,
            serviceRevision: primary.serviceRevision,
          },
        }
      : {}),
    deploymentCircuitBreaker:
      threshold === undefined
        ? { status: 'DISABLED', failureCount: 0, threshold: 0 }
        : {
            status: breakerState(before, entry, isOver),
            failureCount: entry
              ? failuresSinceHealth(entry, look.tasks, breaker?.resetOnHealthyTask).length
              : (before.deploymentCircuitBreaker?.failureCount ?? 0),
            threshold,
          },
  };
  const { updatedAt: _now, ...news } = status;
  const { updatedAt: _then, ...olds } = before;
  return isDeepStrictEqual(news, olds) ? before : { ...status, updatedAt: now };
}

/** It goes on having been triggered when the deployment is shown no more. */
function breakerState(
  { deploymentCircuitBreaker: before }: ServiceDeploymentStatus,
  entry: StoredDeployment | undefined,
  isOver: boolean,
): 'TRIGGERED' | 'MONITORING' | 'MONITORING_COMPLETE' {
  if (entry?.rolloutState === 'FAILED' || before?.status === 'TRIGGERED') return 'TRIGGERED';
  return isOver ? 'MONITORING_COMPLETE' : 'MONITORING';
}

/** A failed deployment is rolled back as long as the one in its place is under way. */
function stateOf(
  before: ServiceDeploymentStatus['status'],
  entry: StoredDeployment | undefined,
  primary: StoredDeployment | undefined,
): NonNullable<ServiceDeploymentStatus['status']> {
  const isBack = primary !== undefined && entry !== primary;
  if (entry?.rolloutState === 'FAILED' || before === 'ROLLBACK_IN_PROGRESS') {
    if (!isBack) return 'STOPPED';
    return primary.rolloutState === 'COMPLETED' ? 'ROLLBACK_SUCCESSFUL' : 'ROLLBACK_IN_PROGRESS';
  }
  if (before !== undefined && before !== 'PENDING' && before !== 'IN_PROGRESS') return before;
  if (entry?.rolloutState === 'COMPLETED') return 'SUCCESSFUL';
  return entry === primary ? 'IN_PROGRESS' : 'STOPPED';
}
