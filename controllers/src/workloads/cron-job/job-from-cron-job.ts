import { formatInZone } from '@slipway/api/time-zone';
import type { CronJob, Job } from '@slipway/api/types';
import { controllerReferenceTo } from '../../runtime/owner.ts';

const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
/** As `kubectl create job --from=cronjob/...` marks what it makes. */
const manualAnnotation = 'cronjob.kubernetes.io/instantiate';

/** One name for each minute: whoever makes the job of a time twice finds that it is there. */
export function jobNameAt({ metadata }: CronJob, atMs: number): string {
  return `${metadata.name}-${Math.floor(atMs / 60_000)}`;
}

export function jobFromCronJob(cronJob: CronJob, atMs: number, zone: string): Job {
  const { metadata, spec } = cronJob.spec.jobTemplate;
  const { namespace } = cronJob.metadata;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobNameAt(cronJob, atMs),
      ...(namespace ? { namespace } : {}),
      ...(metadata?.labels ? { labels: metadata.labels } : {}),
      annotations: { ...metadata?.annotations, [scheduledAnnotation]: formatInZone(atMs, zone) },
      ownerReferences: [controllerReferenceTo(cronJob)],
    },
    spec: spec ?? { template: {} },
  };
}

/** Made by the schedule, not by somebody who gave it the same controller. */
export function isScheduled({ metadata }: Job, { metadata: owner }: CronJob): boolean {
  return (
    metadata.annotations?.[scheduledAnnotation] !== undefined && metadata.name?.startsWith(`${owner.name}-`) === true
  );
}

/** Started by hand: it runs beside the schedule. */
export function isManual({ metadata }: Job): boolean {
  return metadata.annotations?.[manualAnnotation] === 'manual';
}
