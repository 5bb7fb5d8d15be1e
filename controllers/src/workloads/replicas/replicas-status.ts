import { matcherOfLabels } from '@slipway/api/selector';
import type { Pod, ReplicaSetStatus } from '@slipway/api/types';
import { availableInMs, isPodActive, isPodReady, isPodTerminating } from '../pod-readiness.ts';
import { otherConditions } from '../replica-failure.ts';
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
    ...otherConditions(owner.status),
  };
}

function counter<Name extends string>(name: Name, value: number): { readonly [N in Name]?: number } {
  return value === 0 ? {} : ({ [name]: value } as { readonly [N in Name]?: number });
}
