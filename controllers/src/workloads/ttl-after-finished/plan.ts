import type { Job } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { Plan } from '../../runtime/step.ts';
import { finishedCondition } from '../job/job-conditions.ts';

const nothing: Plan = { steps: [], status: 'unchanged' };
/** Timers run on while the wall clock jumps, so the time is read again this often at least. */
const lookMsMax = 600_000;

/** A finished job goes, pods first, when the time that it asked for has passed since. */
export function planTtl({ job }: { readonly job: Job }, nowMs: number): Plan {
  const { ttlSecondsAfterFinished: ttlSeconds } = job.spec;
  const finishedAt = finishedCondition(job)?.lastTransitionTime;
  if (ttlSeconds === undefined || finishedAt === undefined || job.metadata.deletionTimestamp) return nothing;
  const leftMs = Date.parse(finishedAt) + ttlSeconds * 1000 - nowMs;
  if (leftMs > 0) return { ...nothing, again: { afterMs: Math.min(leftMs, lookMsMax) } };
  // Unchanged: somebody may have given it more time meanwhile.
  const step = { op: 'delete', kind: kinds.jobs, target: job, propagation: 'Foreground', ifUnchanged: true } as const;
  return { steps: [step], status: 'unchanged' };
}
