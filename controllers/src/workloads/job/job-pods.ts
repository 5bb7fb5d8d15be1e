/** What a pod is to its job. */
import type { Job, Pod } from '@slipway/api/types';
import { controllerOf } from '../../runtime/owner.ts';
import { isPodFinished } from '../pod-readiness.ts';

/** Keeps a pod until the job has counted it. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
/** Annotation and label alike. */
export const completionIndexKey = 'batch.kubernetes.io/job-completion-index';
export const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count';
export const ignoredFailureCountAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count';
export const jobNameLabel = 'batch.kubernetes.io/job-name';
export const controllerUidLabel = 'batch.kubernetes.io/controller-uid';

export function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(trackingFinalizer) === true;
}

/** Not finished, or not counted yet: what a job still has to look at. All other pods are in its counters. */
export function isOpen(pod: Pod): boolean {
  return isTracked(pod) || !isPodFinished(pod);
}

/** The job that controls a pod, by its uid. */
export function controllingJob(pod: Pod): { readonly name: string; readonly uid: string } | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === 'Job' && owner.apiVersion.startsWith('batch/') ? owner : undefined;
}

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === 'Indexed';
}

/** Undefined when the pod has none that makes sense in this job. */
export function completionIndexOf({ metadata }: Pod, { spec }: Job): number | undefined {
  const text = metadata.annotations?.[completionIndexKey];
  if (text === undefined || !/^\d{1,9}$/.test(text)) return undefined;
  const index = Number(text);
  return index < (spec.completions ?? 0) ? index : undefined;
}

/** Whether a pod that is on its way out is replaced only once it has ended, and counts as failed not before. */
export function waitsForEnd({ spec }: Job): boolean {
  return spec.podReplacementPolicy === 'Failed' || spec.podFailurePolicy !== undefined;
}

export function hasFailed(pod: Pod, job: Job): boolean {
  const phase = pod.status?.phase;
  if (phase === 'Failed') return true;
  // One that is deleted before it ran may never get a phase.
  return !waitsForEnd(job) && pod.metadata.deletionTimestamp !== undefined && phase !== 'Succeeded';
}

/** How often pods of this index had failed before this one. */
export function failureCountsOf({ metadata }: Pod): { readonly counted: number; readonly ignored: number } {
  const read = (annotation: string) => {
    const text = metadata.annotations?.[annotation];
    return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0;
  };
  return { counted: read(failureCountAnnotation), ignored: read(ignoredFailureCountAnnotation) };
}
