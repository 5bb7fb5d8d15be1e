import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import { boundsOf, progressDeadlineMs } from './bounds.ts';

/** The replica sets of a deployment, as far as its status is concerned. */
export interface RolloutView {
  readonly deployment: Deployment;
  readonly current: ReplicaSet | undefined;
  /** All of them, the current one included. */
  readonly all: readonly ReplicaSet[];
}

type ConditionText = Pick<DeploymentCondition, 'type' | 'status' | 'reason' | 'message'>;

const sum = (sets: readonly ReplicaSet[], value: (set: ReplicaSet) => number | undefined) =>
  sets.reduce((total, set) => total + (value(set) ?? 0), 0);

/** Counters and the Available condition; the other conditions stay. Counters of 0 are left out, as upstream does. */
export function countedStatus({ deployment, current, all }: RolloutView, nowMs: number): DeploymentStatus {
  const available = sum(all, (set) => set.status?.availableReplicas);
  const wanted = sum(all, (set) => set.spec.replicas ?? 1);
  const { status } = deployment;
  const counters = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: sum(all, (set) => set.status?.replicas),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: sum(all, (set) => set.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, wanted - available),
  };
  const counted: DeploymentStatus = Object.fromEntries(Object.entries(counters).filter(([, value]) => value !== 0));
  if (status?.collisionCount !== undefined) counted.collisionCount = status.collisionCount;
  if (all.every((set) => set.status?.terminatingReplicas !== undefined)) {
    counted.terminatingReplicas = sum(all, (set) => set.status?.terminatingReplicas);
  }
  if (status?.conditions) counted.conditions = status.conditions;
  return withCondition(counted, availability(deployment, available), nowMs);
}

function availability(deployment: Deployment, available: number): ConditionText {
  const { replicas, maxUnavailable } = boundsOf(deployment);
  const is = available >= replicas - maxUnavailable;
  return {
    type: 'Available',
    status: is ? 'True' : 'False',
    reason: is ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: `Deployment ${is ? 'has' : 'does not have'} minimum availability.`,
  };
}

/** Counters, conditions of availability, progress and failure of a rollout that is not paused. */
export function rolloutStatus(view: RolloutView, nowMs: number): DeploymentStatus {
  const { deployment } = view;
  const status = countedStatus(view, nowMs);
  const deadlineMs = progressDeadlineMs(deployment);
  const progressed =
    deadlineMs === undefined ? withoutCondition(status, 'Progressing') : progress(view, status, deadlineMs, nowMs);
  return withReplicaFailure(progressed, view, nowMs);
}

function progress(view: RolloutView, status: DeploymentStatus, deadlineMs: number, nowMs: number): DeploymentStatus {
  const { deployment, current } = view;
  const before = conditionOf(status, 'Progressing');
  const wasComplete = before?.reason === 'NewReplicaSetAvailable';
  if (wasComplete && (status.replicas ?? 0) === (status.updatedReplicas ?? 0)) return status;
  const what = current ? `ReplicaSet "${current.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  if (isComplete(deployment, status)) {
    return withCondition(
      status,
      {
        type: 'Progressing',
        status: 'True',
        reason: 'NewReplicaSetAvailable',
        message: `${what} has successfully progressed.`,
      },
      nowMs,
    );
  }
  if (hasMoved(deployment.status, status)) {
    const text: ConditionText = {
      type: 'Progressing',
      status: 'True',
      reason: 'ReplicaSetUpdated',
      message: `${what} is progressing.`,
    };
    // Written even when it says the same: lastUpdateTime is where the deadline counts from.
    const since = before?.status === 'True' ? before.lastTransitionTime : undefined;
    return withCondition(withoutCondition(status, 'Progressing'), text, nowMs, since);
  }
  if (hasTimedOut(before, deadlineMs, nowMs)) {
    return withCondition(
      status,
      {
        type: 'Progressing',
        status: 'False',
        reason: 'ProgressDeadlineExceeded',
        message: `${what} has timed out progressing.`,
      },
      nowMs,
    );
  }
  return status;
}

export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus): boolean {
  const replicas = spec.replicas ?? 1;
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas &&
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0)
  );
}

function hasMoved(before: DeploymentStatus | undefined, now: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus | undefined) => (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0);
  return (
    (now.updatedReplicas ?? 0) > (before?.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    (now.readyReplicas ?? 0) > (before?.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before?.availableReplicas ?? 0)
  );
}

function hasTimedOut(condition: DeploymentCondition | undefined, deadlineMs: number, nowMs: number): boolean {
  if (!condition || condition.reason === 'NewReplicaSetAvailable') return false;
  if (condition.reason === 'ProgressDeadlineExceeded') return true;
  return nowMs - Date.parse(condition.lastUpdateTime ?? '') > deadlineMs;
}

/** When to look again for a deadline that runs; undefined when none does. */
export function deadlineInMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const deadlineMs = progressDeadlineMs(deployment);
  const condition = conditionOf(status, 'Progressing');
  if (deadlineMs === undefined || !condition?.lastUpdateTime || isComplete(deployment, status)) return undefined;
  if (condition.reason === 'ProgressDeadlineExceeded' || condition.reason === 'NewReplicaSetAvailable')
    return undefined;
  // Times on the wire have whole seconds: one more, so that the deadline is past then.
  return Math.max(0, Date.parse(condition.lastUpdateTime) + deadlineMs - nowMs) + 1000;
}

/** A replica set's failure is its deployment's: the current one's first. */
function withReplicaFailure(status: DeploymentStatus, { current, all }: RolloutView, nowMs: number): DeploymentStatus {
  const failureOf = (set: ReplicaSet | undefined) =>
    set?.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
  const failure = failureOf(current) ?? all.map(failureOf).find((condition) => condition !== undefined);
  if (!failure) return withoutCondition(status, 'ReplicaFailure');
  const { status: is, reason, message } = failure;
  return withCondition(
    status,
    { type: 'ReplicaFailure', status: is, ...(reason ? { reason } : {}), ...(message ? { message } : {}) },
    nowMs,
    failure.lastTransitionTime,
  );
}

export function conditionOf(status: DeploymentStatus | undefined, type: string): DeploymentCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** Sets a condition; one that says the same already stays as it is, times included. */
export function withCondition(
  status: DeploymentStatus,
  text: ConditionText,
  nowMs: number,
  transitionTime?: string,
): DeploymentStatus {
  const before = conditionOf(status, text.type);
  if (before && before.status === text.status && before.reason === text.reason) return status;
  const now = formatTime(nowMs);
  const lastTransitionTime = transitionTime ?? (before?.status === text.status ? before.lastTransitionTime : now);
  const condition: DeploymentCondition = {
    ...text,
    lastUpdateTime: now,
    ...(lastTransitionTime ? { lastTransitionTime } : {}),
  };
  const others = (status.conditions ?? []).filter(({ type }) => type !== text.type);
  return { ...status, conditions: [...others, condition] };
}

function withoutCondition(status: DeploymentStatus, type: string): DeploymentStatus {
  if (!conditionOf(status, type)) return status;
  return { ...status, conditions: (status.conditions ?? []).filter((condition) => condition.type !== type) };
}
