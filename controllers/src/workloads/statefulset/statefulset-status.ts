import type { ControllerRevision, Pod, StatefulSet, StatefulSetStatus } from '@slipway/api/types';
import { availableInMs, isPodReady } from '../pod-readiness.ts';
import { otherConditions } from '../replica-failure.ts';
import { revisionOf } from './identity.ts';

export interface RevisionsInUse {
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
}

/** Counters from the pods that belong to the set. Counters of 0 are left out where upstream leaves them out. */
export function statefulSetStatus(
  set: StatefulSet,
  pods: readonly Pod[],
  { current, update }: RevisionsInUse,
  nowMs: number,
): StatefulSetStatus {
  const count = (holds: (pod: Pod) => boolean) => pods.filter(holds).length;
  const ofRevision = (revision: ControllerRevision) =>
    count((pod) => !pod.metadata.deletionTimestamp && revisionOf(pod) === revision.metadata.name);
  const counters = {
    readyReplicas: count(isRunningAndReady),
    currentReplicas: ofRevision(current),
    updatedReplicas: ofRevision(update),
    observedGeneration: set.metadata.generation ?? 0,
  };
  return completed(set, {
    replicas: pods.length,
    availableReplicas: count((pod) => isAvailable(set, pod, nowMs)),
    ...Object.fromEntries(Object.entries(counters).filter(([, value]) => value !== 0)),
    currentRevision: current.metadata.name ?? '',
    updateRevision: update.metadata.name ?? '',
    collisionCount: set.status?.collisionCount ?? 0,
    ...otherConditions(set.status),
  });
}

/** Once every pod has the update revision, that is the current one. */
function completed({ spec }: StatefulSet, status: StatefulSetStatus): StatefulSetStatus {
  const { replicas, updatedReplicas = 0, readyReplicas = 0, updateRevision } = status;
  const wanted = spec.replicas ?? 1;
  if (updatedReplicas !== wanted || readyReplicas !== wanted || replicas !== wanted || !updateRevision) return status;
  return {
    ...status,
    ...(updatedReplicas > 0 ? { currentReplicas: updatedReplicas } : {}),
    currentRevision: updateRevision,
  };
}

function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isPodReady(pod);
}

export function isAvailable({ spec }: StatefulSet, pod: Pod, nowMs: number): boolean {
  return isRunningAndReady(pod) && availableInMs(pod, spec.minReadySeconds ?? 0, nowMs) === 0;
}
