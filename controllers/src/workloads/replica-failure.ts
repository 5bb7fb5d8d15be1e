/**
 * The condition that says why pods could not be made or removed: a quota, a webhook, a template that cannot be. ReplicaSets
 * and ReplicationControllers have it as upstream's; StatefulSets and DaemonSets have it here too, as an event alone is soon gone.
 */
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject, ResourceQuota } from '@slipway/api/types';
import { type Kind, keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Trigger } from '../runtime/controller-definition.ts';
import type { StepFailure } from '../runtime/step.ts';

const failureType = 'ReplicaFailure';

interface Condition {
  type: string;
  status: string;
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

interface WithConditions {
  conditions?: Condition[];
}

/**
 * Wakes those of a kind that have the condition when their namespace is given more room: they would otherwise ask again only
 * when their back-off is over. Room that comes as other pods go wakes nobody, as it comes and goes all the time.
 */
export function roomTrigger<T extends KubeObject & { status?: WithConditions }>(kind: Kind<T>): Trigger {
  return {
    on: kinds.resourceQuotas,
    changes: ({ before, after }, caches) => {
      const [was, is] = [before as ResourceQuota | undefined, after as ResourceQuota | undefined];
      if (!was || isDeepStrictEqual(was.status?.hard, is?.status?.hard)) return [];
      const failing = ({ status }: T) => status?.conditions?.some(({ type }) => type === failureType);
      return caches
        .inNamespace(kind, was.metadata.namespace ?? '')
        .filter(failing)
        .map(keyOf);
    },
  };
}

/** All other conditions: until the next failure this one is over. */
export function otherConditions(status: WithConditions | undefined): { conditions?: Condition[] } {
  const conditions = (status?.conditions ?? []).filter(({ type }) => type !== failureType);
  return conditions.length > 0 ? { conditions } : {};
}

/** `status`, which has no such condition, with the one for this failure. One that says the same already stays as it is. */
export function withReplicaFailure<Status extends WithConditions>(
  status: Status,
  previous: WithConditions | undefined,
  { step, error }: StepFailure,
  nowMs: number,
): Status {
  if (step.op !== 'create' && step.op !== 'delete') return status;
  const reason = step.op === 'create' ? 'FailedCreate' : 'FailedDelete';
  const before = previous?.conditions?.find(({ type }) => type === failureType);
  const condition: Condition = {
    type: failureType,
    status: 'True',
    lastTransitionTime: before?.lastTransitionTime ?? formatTime(nowMs),
    reason,
    message: messageOf(error),
  };
  const isSame = before?.reason === reason;
  return { ...status, conditions: [...(status.conditions ?? []), isSame && before ? before : condition] };
}
