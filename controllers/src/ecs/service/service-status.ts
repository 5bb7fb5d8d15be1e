/** What a service says of itself: counts, deployments, events. Pure. */
import type { ServiceStatus, StoredDeployment, TaskCondition } from '@slipway/api/ecs/kinds';
import { formatTime } from '@slipway/kit/clock';
import { conditionsOf } from '../task/task-status.ts';
import { targetAnnotation, targetOf } from './deployment-target.ts';
import type { Look } from './look.ts';
import { withEvents } from './service-events.ts';
import { type ClassifiedTask, failuresSinceHealth, isOf } from './service-tasks.ts';

export function statusOf(look: Look, deployments: readonly StoredDeployment[], told: readonly string[]): ServiceStatus {
  const { service, tasks, nowMs, desired } = look;
  const [first] = deployments;
  const counted = deployments.map((each) => withCounts(each, each === first ? undefined : first, look, desired));
  const running = tasks.filter(isUp).length;
  const pending = tasks.filter((each) => each.is !== 'ended' && each.is !== 'stopping' && !isUp(each)).length;
  const primary = counted[0];
  const events = withEvents(service, told, nowMs);
  return {
    status: 'ACTIVE',
    desiredCount: desired,
    runningCount: running,
    pendingCount: pending,
    ...(counted.length > 0 ? { deployments: counted } : {}),
    ...(events.length > 0 ? { events } : {}),
    ...(primary ? { currentServiceDeployment: primary.serviceDeployment } : {}),
    ...(counted.length > 0
      ? {
          currentServiceRevisions: counted.map((each) => ({
            name: each.serviceRevision,
            requestedTaskCount: each.desiredCount ?? 0,
            runningTaskCount: each.runningCount ?? 0,
            pendingTaskCount: each.pendingCount ?? 0,
          })),
        }
      : {}),
    conditions: conditionsOf(look.conditions, [stability(counted, running, desired, look)], nowMs),
    ...(service.metadata.generation === undefined ? {} : { observedGeneration: service.metadata.generation }),
  };
}

/** For `kubectl wait --for=condition=Stable`, as `aws ecs wait services-stable` has it, but never before the last change was looked at. */
function stability(
  deployments: readonly StoredDeployment[],
  running: number,
  desired: number,
  { service, observed }: Look,
): Omit<TaskCondition, 'lastTransitionTime'> {
  const no = (reason: string, message: string) => ({ type: 'Stable', status: 'False', reason, message }) as const;
  const [primary] = deployments;
  if (service.spec.desiredStatus === 'INACTIVE') return no('Draining', 'the service was deleted');
  if (!primary) return no('NoDeployment', 'no deployment has begun');
  const { rolloutState, rolloutStateReason = '' } = primary;
  if (rolloutState === 'FAILED') return no('DeploymentFailed', rolloutStateReason);
  if (rolloutState !== 'COMPLETED') return no('DeploymentInProgress', rolloutStateReason);
  if (running !== desired) return no('TasksMissing', `${running} of ${desired} tasks are running`);
  const target = targetOf(service);
  const failed = [...observed.deployments.values()].find(
    ({ metadata, spec, status }) =>
      metadata.annotations?.[targetAnnotation] === target &&
      spec.targetServiceRevision !== primary.serviceRevision &&
      status?.status?.startsWith('ROLLBACK'),
  );
  return failed
    ? { type: 'Stable', status: 'True', reason: 'RolledBack', message: failed.status?.statusReason ?? '' }
    : { type: 'Stable', status: 'True', reason: 'DeploymentCompleted', message: '' };
}

function isUp({ task }: ClassifiedTask): boolean {
  return task.status?.lastStatus === 'RUNNING';
}

/** What is of the revision of the `primary` counts for that one. */
function withCounts(
  deployment: StoredDeployment,
  primary: StoredDeployment | undefined,
  { tasks, nowMs }: Look,
  desired: number,
): StoredDeployment {
  const own = tasks.filter(({ task }) => isOf(task, deployment) && !(primary && isOf(task, primary)));
  const counts = {
    desiredCount: deployment.status === 'PRIMARY' ? desired : 0,
    runningCount: own.filter(isUp).length,
    pendingCount: own.filter((each) => each.is !== 'ended' && each.is !== 'stopping' && !isUp(each)).length,
    failedTasks: Math.max(deployment.failedTasks ?? 0, failuresSinceHealth(deployment, tasks).length),
  };
  const isNews = Object.entries(counts).some(([key, value]) => deployment[key as keyof typeof counts] !== value);
  return isNews ? { ...deployment, ...counts, updatedAt: formatTime(nowMs) } : deployment;
}
