import { isStatus } from '@slipway/api/status-error';
import type { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import { type Clock, formatTime } from '@slipway/kit/clock';
import { aboutPod, type RecordEvent } from '../failure-reporter.ts';
import { causeObjectOf } from '../binding/bind.ts';
import type { PendingPod, PodInfo } from '../pods/pod-info.ts';
import type { Candidate } from './choose-candidate.ts';

export interface EvictionDeps {
  readonly client: Client;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly recordEvent: RecordEvent;
}

/**
 * Ends the victims with the grace that they have, marked as targets of a disruption. Those that are on their way out already are let
 * alone. Throws the first error that is not "gone by now"; some may have been ended then.
 */
export async function evictVictims(
  pod: PendingPod,
  { node, victims }: Candidate,
  deps: EvictionDeps,
  signal: AbortSignal,
): Promise<void> {
  const running = victims.filter(({ group }) => !group.isTerminating);
  await Promise.all(running.map((victim) => evict(pod, victim, node.name, deps, signal)));
}

async function evict(
  pod: PendingPod,
  victim: PodInfo,
  nodeName: string,
  { client, clock, recordEvent }: EvictionDeps,
  signal: AbortSignal,
): Promise<void> {
  const ref = { namespace: victim.namespace, name: victim.name };
  const cause = { controller: 'scheduler', object: causeObjectOf(pod) };
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'PreemptionByScheduler',
    message: `${pod.demand.schedulerName}: preempting to accommodate a higher priority pod`,
    lastTransitionTime: formatTime(clock.nowMs()),
  };
  const patch = { metadata: { uid: victim.uid }, status: { conditions: [condition] } };
  try {
    await client.patch(kinds.pods, ref, patch, { signal, type: 'strategic', subresource: 'status', cause });
    await client.delete(kinds.pods, ref, { signal, uid: victim.uid, cause });
  } catch (error) {
    // Another pod of the name is not the victim.
    if (isStatus(error, 'NotFound', 'Conflict')) return;
    throw error;
  }
  recordEvent(aboutPod(victim), 'Normal', 'Preempted', `Preempted by pod ${pod.uid} on node ${nodeName}`);
}
