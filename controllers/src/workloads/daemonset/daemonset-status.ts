import type { DaemonSetStatus } from '@slipway/api/types';
import { otherConditions } from '../replica-failure.ts';
import type { Daemons } from './daemons.ts';

/** Counters in nodes, by the oldest pod of each. Counters of 0 are left out where upstream leaves them out. */
export function daemonSetStatus(daemons: Daemons): DaemonSetStatus {
  const { set } = daemons;
  const counts = { desired: 0, scheduled: 0, misscheduled: 0, updated: 0, ready: 0, available: 0 };
  for (const { eligibility, pods } of daemons.nodes) {
    const [pod] = pods;
    if (eligibility !== 'runs') {
      if (pod && eligibility) counts.misscheduled++;
      continue;
    }
    counts.desired++;
    if (!pod) continue;
    counts.scheduled++;
    if (daemons.isCurrent(pod)) counts.updated++;
    if (!daemons.isReady(pod)) continue;
    counts.ready++;
    if (daemons.isAvailable(pod)) counts.available++;
  }
  const optional = {
    observedGeneration: set.metadata.generation ?? 0,
    updatedNumberScheduled: counts.updated,
    numberAvailable: counts.available,
    numberUnavailable: counts.desired - counts.available,
  };
  const { collisionCount } = set.status ?? {};
  return {
    currentNumberScheduled: counts.scheduled,
    numberMisscheduled: counts.misscheduled,
    desiredNumberScheduled: counts.desired,
    numberReady: counts.ready,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== 0)),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...otherConditions(set.status),
  };
}
