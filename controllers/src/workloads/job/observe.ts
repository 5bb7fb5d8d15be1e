import type { Job, Pod } from '@slipway/api/types';
import { keyFrom, kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { controllerOf, orphanIndex } from '../../runtime/owner.ts';
import {
  controllingJob,
  controllerUidLabel,
  hasFailed,
  isIndexed,
  isOpen,
  isTracked,
  jobNameLabel,
} from './job-pods.ts';
import { failureStreak, type FailureStreak } from './pod-backoff.ts';

export interface ObservedJob {
  readonly job: Job;
  /** Pods that it controls and has not accounted for yet: unfinished, or with the tracking finalizer. */
  readonly open: readonly Pod[];
  /** Pods that nobody controls and that it may adopt. */
  readonly orphans: readonly Pod[];
  /** Pods with the tracking finalizer that name this job and are not its own: a former job's, or released. */
  readonly strays: readonly Pod[];
  /** Uids of `status.uncountedTerminatedPods` whose pods are without the finalizer, or gone. */
  readonly released: ReadonlySet<string>;
  /** Others of them are not in the view of the pods, which is older than the job: they may be there. */
  readonly hasUnseen: boolean;
  readonly streak: FailureStreak | undefined;
}

/** Pods by the uid of the job that has not accounted for them yet. */
export const openPodsIndex = 'open-pods-of-job';
/** Failed pods by the uid of their job. */
export const failedPodsIndex = 'failed-pods-of-job';
/** Pods with the tracking finalizer by the key of the job that they name, whether it is there or not. */
export const trackedPodsIndex = 'tracked-pods-of-job';
/** Pods that nobody controls by the job's uid that they carry as a label. */
export const labelledOrphansIndex = 'orphans-labelled-with-job';

export function openPodsOf(pod: Pod): readonly string[] {
  const job = isOpen(pod) ? controllingJob(pod) : undefined;
  return job ? [job.uid] : [];
}

export function failedPodsOf(pod: Pod): readonly string[] {
  const isFailure = pod.status?.phase === 'Failed' || pod.metadata.deletionTimestamp !== undefined;
  const job = isFailure ? controllingJob(pod) : undefined;
  return job ? [job.uid] : [];
}

/** The key is of no object when the pod names no job; the pod is found under it all the same. */
export function namedJobKey(pod: Pod): ObjectKey | undefined {
  if (!isTracked(pod)) return undefined;
  const controller = controllerOf(pod);
  if (controller && !controllingJob(pod)) return undefined;
  const name = controller?.name ?? pod.metadata.labels?.[jobNameLabel] ?? '';
  return keyFrom({ namespace: pod.metadata.namespace, name });
}

export function trackedPodsOf(pod: Pod): readonly string[] {
  const key = namedJobKey(pod);
  return key === undefined ? [] : [key];
}

export function labelledOrphansOf(pod: Pod): readonly string[] {
  const uid = pod.metadata.labels?.[controllerUidLabel];
  return uid === undefined || controllerOf(pod) ? [] : [uid];
}

export function observeJob(key: ObjectKey, caches: Caches): ObservedJob | undefined {
  const job = caches.get(kinds.jobs, key);
  if (!job || !isOurs(job)) return undefined;
  const { uid = '', namespace = '' } = job.metadata;
  const open = caches.byIndex(kinds.pods, openPodsIndex, uid);
  const candidates = job.spec.manualSelector
    ? caches.byIndex(kinds.pods, orphanIndex, namespace)
    : caches.byIndex(kinds.pods, labelledOrphansIndex, uid);
  // A pod that ended and was released is in the counters already.
  const orphans = candidates.filter(isOpen);
  const strays = caches.byIndex(kinds.pods, trackedPodsIndex, key).filter((pod) => controllerOf(pod)?.uid !== uid);
  return {
    job,
    open,
    orphans,
    strays,
    ...observeUncounted(job, [...open, ...orphans, ...strays], caches),
    streak: observeStreak(job, caches),
  };
}

const builtInManager = 'kubernetes.io/job-controller';

/** Jobs may be left to somebody else. */
export function isOurs({ spec }: Job): boolean {
  return spec.managedBy === undefined || spec.managedBy === builtInManager;
}

function observeUncounted(job: Job, pods: readonly Pod[], caches: Caches): Pick<ObservedJob, 'released' | 'hasUnseen'> {
  const { succeeded = [], failed = [] } = job.status?.uncountedTerminatedPods ?? {};
  const uids = [...succeeded, ...failed];
  if (uids.length === 0) return { released: new Set(), hasUnseen: false };
  const held = new Set(pods.filter(isTracked).map(({ metadata }) => metadata.uid));
  const missing = uids.filter((uid) => !held.has(uid));
  const isViewOld = caches.of(kinds.pods).resourceVersion < BigInt(job.metadata.resourceVersion ?? '0');
  if (!isViewOld || missing.length === 0) return { released: new Set(missing), hasUnseen: false };
  const seen = new Set(caches.ownedBy(kinds.pods, job.metadata.uid ?? '').map(({ metadata }) => metadata.uid));
  const released = new Set(missing.filter((uid) => seen.has(uid)));
  return { released, hasUnseen: released.size < missing.length };
}

/** Indexes that fail on their own are held back on their own, by what their pods carry. */
function observeStreak(job: Job, caches: Caches): FailureStreak | undefined {
  if (isIndexed(job) && job.spec.backoffLimitPerIndex !== undefined) return undefined;
  const { uid = '' } = job.metadata;
  // Pods that the job has let go and removed, to suspend or to shrink, are no failures.
  const failed = caches
    .byIndex(kinds.pods, failedPodsIndex, uid)
    .filter((pod) => hasFailed(pod, job) && (isTracked(pod) || !pod.metadata.deletionTimestamp));
  if (failed.length === 0) return undefined;
  const succeeded = caches.ownedBy(kinds.pods, uid).filter(({ status }) => status?.phase === 'Succeeded');
  return failureStreak(failed, succeeded);
}
