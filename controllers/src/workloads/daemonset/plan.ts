import { matcherOf } from '@slipway/api/selector';
import type { ControllerRevision, DaemonSet, DaemonSetStatus, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { claimChildren } from '../../runtime/claim.ts';
import type { Plan, StepFailure } from '../../runtime/step.ts';
import { nextRemovalInMs } from '../failed-pods.ts';
import { nextAvailableInMs, soonest } from '../pod-readiness.ts';
import { withReplicaFailure } from '../replica-failure.ts';
import { forgetOld, historyOf, revisionLabel } from '../revision-history.ts';
import { hashOf } from './daemon-pod.ts';
import { Daemons } from './daemons.ts';
import { daemonSetStatus } from './daemonset-status.ts';
import type { ObservedDaemonSet } from './observe.ts';
import { placePods } from './place-pods.ts';
import { rollPods } from './roll-pods.ts';

/** Pods made or removed before the next look: a change of mind about a large cluster is noticed after these. */
const stepsMax = 2000;

/** One look at a DaemonSet: every node gets what belongs there, and when that is so, former templates are replaced. */
export function planDaemonSet(observed: ObservedDaemonSet, nowMs: number): Plan<DaemonSetStatus> {
  const { set, nodes } = observed;
  const owner = { kind: kinds.daemonSets, object: set, matcher: matcherOf(set.spec.selector) };
  const pods = claimChildren(owner, kinds.pods, observed.pods);
  const remembered = claimChildren(owner, kinds.controllerRevisions, observed.revisions);
  const claiming = [...pods.steps, ...remembered.steps];
  if (claiming.length > 0) return { steps: claiming, status: 'unchanged' };
  const history = historyOf(set, remembered.claimed, observed.named, revisionLabel);
  if (!history) return { steps: [], status: withCollision(set) };
  const daemons = new Daemons(set, revisionHash(history.update), { nodes, pods: pods.claimed }, nowMs);
  const status = daemonSetStatus(daemons);
  if (set.metadata.deletionTimestamp) return { steps: [], status };
  const placed = placePods(daemons, observed.removableMs, nowMs);
  const steps = placed.length > 0 ? placed : rollPods(daemons);
  const afterMs = soonest(
    nextRemovalInMs(observed.removableMs, nowMs),
    nextAvailableInMs(pods.claimed, set.spec.minReadySeconds ?? 0, nowMs),
  );
  return {
    steps: [...history.steps, ...steps.slice(0, stepsMax), ...forget(set, history, pods.claimed)],
    status,
    statusAfterFailure: (failure) =>
      isAboutHistory(failure) ? 'unchanged' : withReplicaFailure(status, set.status, failure, nowMs),
    ...(afterMs === undefined ? {} : { again: { afterMs } }),
  };
}

function forget(
  { spec }: DaemonSet,
  { update, revisions }: { readonly update: ControllerRevision; readonly revisions: readonly ControllerRevision[] },
  pods: readonly Pod[],
) {
  const limit = spec.revisionHistoryLimit ?? 10;
  // Hardly ever more than that, and then no pod needs to be asked.
  if (revisions.length <= limit) return [];
  const inUse = new Set([revisionHash(update), ...pods.map(hashOf)]);
  return forgetOld(revisions, (revision) => inUse.has(revisionHash(revision)), limit);
}

function revisionHash({ metadata }: ControllerRevision): string {
  return metadata.labels?.[revisionLabel] ?? '';
}

function isAboutHistory({ step }: StepFailure): boolean {
  return step.op !== 'event' && step.kind === kinds.controllerRevisions;
}

const nothingYet = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };

/** The name of the next revision is another's. The count goes into its hash, and with it into another name. */
function withCollision({ status }: DaemonSet): DaemonSetStatus {
  return { ...nothingYet, ...status, collisionCount: (status?.collisionCount ?? 0) + 1 };
}
