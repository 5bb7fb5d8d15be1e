import type { Pod, ReplicaSetStatus } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { claimChildren } from '../../runtime/claim.ts';
import type { Plan, Step } from '../../runtime/step.ts';
import { podFromTemplate } from '../pod-from-template.ts';
import { isPodActive, nextAvailableInMs } from '../pod-readiness.ts';
import { createPod, deletePod } from '../pod-steps.ts';
import { withReplicaFailure } from '../replica-failure.ts';
import { inDeletionOrder } from './deletion-order.ts';
import type { ObservedReplicas } from './observe.ts';
import type { ReplicasKind, ReplicasOwner } from './replicas-kind.ts';
import { refusedForMs } from './refused-pods.ts';
import { replicasStatus } from './replicas-status.ts';

/** Pods made or removed before the next look: a change of mind about a huge owner is noticed after these. */
export const stepsMax = 2000;

export function planReplicas<Owner extends ReplicasOwner>(
  of: ReplicasKind<Owner>,
  observed: ObservedReplicas<Owner>,
  nowMs: number,
): Plan<ReplicaSetStatus> {
  const { owner } = observed;
  const claimant = { kind: of.kind, object: owner, matcher: of.matcherOf(owner) };
  const { claimed, steps } = claimChildren(claimant, kinds.pods, observed);
  const isLeaving = owner.metadata.deletionTimestamp !== undefined;
  const active = claimed.filter(isPodActive);
  const isShort = active.length < (owner.spec.replicas ?? 1) && !isLeaving;
  const refusedMs = isShort ? refusedForMs(observed.owned, owner.spec.replicas ?? 1, nowMs) : 0;
  const scaling = isLeaving || refusedMs > 0 ? [] : scale(observed, active, nowMs);
  const status = replicasStatus(of, owner, claimed, nowMs);
  const availableMs = nextAvailableInMs(claimed, owner.spec.minReadySeconds ?? 0, nowMs);
  const afterMs = refusedMs > 0 ? Math.min(refusedMs, availableMs ?? refusedMs) : availableMs;
  return {
    steps: [...steps, ...scaling],
    status,
    statusAfterFailure: (failure) => withReplicaFailure(status, owner.status, failure, nowMs),
    ...(afterMs === undefined ? {} : { again: { afterMs } }),
  };
}

function scale({ owner, podsOnNode }: ObservedReplicas, active: readonly Pod[], nowMs: number): Step[] {
  const missing = (owner.spec.replicas ?? 1) - active.length;
  const pod = podFromTemplate(owner, owner.spec.template);
  if (missing >= 0) return Array.from({ length: Math.min(missing, stepsMax) }, () => createPod(owner, pod));
  const surplus = Math.min(-missing, stepsMax);
  const leaving = surplus < active.length ? inDeletionOrder(active, podsOnNode, nowMs).slice(0, surplus) : active;
  return leaving.map((pod) => deletePod(owner, pod));
}
