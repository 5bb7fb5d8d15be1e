import { matcherOf } from '@slipway/api/selector';
import type { Pod, ReplicaSet, ReplicaSetStatus } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { claimChildren } from '../../runtime/claim.ts';
import type { Plan, Step, StepFailure } from '../../runtime/step.ts';
import { podFromTemplate } from '../pod-from-template.ts';
import { createPod, deletePod } from '../pod-steps.ts';
import { isPodActive, nextAvailableInMs } from '../pod-readiness.ts';
import { inDeletionOrder } from './deletion-order.ts';
import type { ObservedReplicaSet } from './observe.ts';
import { replicaSetStatus, withReplicaFailure } from './replica-set-status.ts';

/** Pods made or removed before the next look: a change of mind about a huge replica set is noticed after these. */
export const stepsMax = 2000;

export function planReplicaSet(observed: ObservedReplicaSet, nowMs: number): Plan<ReplicaSetStatus> {
  const { replicaSet } = observed;
  const owner = { kind: kinds.replicaSets, object: replicaSet, matcher: matcherOf(replicaSet.spec.selector) };
  const { claimed, steps } = claimChildren(owner, kinds.pods, observed);
  const isLeaving = replicaSet.metadata.deletionTimestamp !== undefined;
  const scaling = isLeaving ? [] : scale(observed, claimed.filter(isPodActive), nowMs);
  const status = replicaSetStatus(replicaSet, claimed, nowMs);
  const afterMs = nextAvailableInMs(claimed, replicaSet.spec.minReadySeconds ?? 0, nowMs);
  return {
    steps: [...steps, ...scaling],
    status,
    statusAfterFailure: (failure) => statusAfter(failure, status, replicaSet, nowMs),
    ...(afterMs === undefined ? {} : { again: { afterMs } }),
  };
}

function scale({ replicaSet, podsOnNode }: ObservedReplicaSet, active: readonly Pod[], nowMs: number): Step[] {
  const missing = (replicaSet.spec.replicas ?? 1) - active.length;
  const pod = podFromTemplate(replicaSet, replicaSet.spec.template);
  if (missing >= 0) return Array.from({ length: Math.min(missing, stepsMax) }, () => createPod(replicaSet, pod));
  const surplus = Math.min(-missing, stepsMax);
  const leaving = surplus < active.length ? inDeletionOrder(active, podsOnNode, nowMs).slice(0, surplus) : active;
  return leaving.map((pod) => deletePod(replicaSet, pod));
}

function statusAfter(
  { step, error }: StepFailure,
  status: ReplicaSetStatus,
  replicaSet: ReplicaSet,
  nowMs: number,
): ReplicaSetStatus {
  if (step.op !== 'create' && step.op !== 'delete') return status;
  const reason = step.op === 'create' ? 'FailedCreate' : 'FailedDelete';
  return withReplicaFailure(status, replicaSet.status, { reason, error }, nowMs);
}
