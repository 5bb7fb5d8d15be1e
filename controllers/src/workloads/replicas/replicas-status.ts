import { matcherOfLabels } from '@slipway/api/selector';
import type { Pod, ReplicaSetCondition, ReplicaSetStatus } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import { availableInMs, isPodActive, isPodReady, isPodTerminating } from '../pod-readiness.ts';
import type { ReplicasKind, ReplicasOwner } from './replicas-kind.ts';

/** Counters from the pods that belong to it. Counters of 0 are left out, as on upstream's wire. */
export function replicasStatus(
  { countsTerminating }: Pick<ReplicasKind, 'countsTerminating'>,
  owner: ReplicasOwner,
  claimed: readonly Pod[],
  nowMs: number,
): ReplicaSetStatus {
  const active = claimed.filter(isPodActive);
  const minReadySeconds = owner.spec.minReadySeconds ?? 0;
  const labels = matcherOfLabels(owner.spec.template?.metadata?.labels ?? {});
  const count = (holds: (pod: Pod) => boolean) => active.filter(holds).length;
  const conditions = (owner.status?.conditions ?? []).filter(({ type }) => type !== 'ReplicaFailure');
  return {
    replicas: active.length,
    ...counter(
      'fullyLabeledReplicas',
      count((pod) => labels.matches(pod.metadata.labels)),
    ),
    ...counter('readyReplicas', count(isPodReady)),
    ...counter(
      'availableReplicas',
      count((pod) => availableInMs(pod, minReadySeconds, nowMs) === 0),
    ),
    ...(countsTerminating ? { terminatingReplicas: claimed.filter(isPodTerminating).length } : {}),
    ...counter('observedGeneration', owner.metadata.generation ?? 0),
    ...(conditions.length > 0 ? { conditions } : {}),
  };
}

/** The same with the condition that says why pods could not be made or removed. */
export function withReplicaFailure(
  status: ReplicaSetStatus,
  previous: ReplicasOwner['status'],
  failure: { readonly reason: 'FailedCreate' | 'FailedDelete'; readonly error: unknown },
  nowMs: number,
): ReplicaSetStatus {
  const before = previous?.conditions?.find(({ type }) => type === 'ReplicaFailure');
  const condition: ReplicaSetCondition = {
    type: 'ReplicaFailure',
    status: 'True',
    lastTransitionTime: before?.lastTransitionTime ?? formatTime(nowMs),
    reason: failure.reason,
    message: messageOf(failure.error),
  };
  const isSame = before?.reason === condition.reason;
  return { ...status, conditions: [...(status.conditions ?? []), isSame && before ? before : condition] };
}

function counter<Name extends string>(name: Name, value: number): { readonly [N in Name]?: number } {
  return value === 0 ? {} : ({ [name]: value } as { readonly [N in Name]?: number });
}
