import type { KubeObject, Pod } from '@slipway/api/types';
import type { LedgerChange } from '../ledger.ts';
import type { Checker } from './checker.ts';

interface Job extends KubeObject {
  readonly spec: { readonly completions?: number; readonly suspend?: boolean; readonly completionMode?: string };
  readonly status?: {
    readonly active?: number;
    readonly succeeded?: number;
    readonly completedIndexes?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** Jobs come to an end, and count each pod that succeeded once: neither the ones that were deleted too early nor any twice. */
export function finishedJobs(): Checker {
  /** Uids of pods that said that they succeeded, by the uid of their job. */
  const succeeded = new Map<string, Set<string>>();
  return {
    name: 'jobs',
    changed: (change) => {
      note(change, succeeded);
      return undefined;
    },
    settled: async ({ ledger }) => {
      for (const job of ledger.list<Job>('batch/jobs')) {
        const wrong = wrongWith(job, succeeded.get(job.metadata.uid ?? '')?.size ?? 0);
        if (wrong) return `job ${job.metadata.namespace}/${job.metadata.name}: ${wrong}`;
      }
      return undefined;
    },
  };
}

function note({ resource, object }: LedgerChange, succeeded: Map<string, Set<string>>): void {
  if (resource !== 'core/pods' || (object as Pod).status?.phase !== 'Succeeded') return;
  const owner = object.metadata.ownerReferences?.find(({ kind, controller }) => controller && kind === 'Job');
  if (!owner) return;
  const pods = succeeded.get(owner.uid) ?? new Set();
  succeeded.set(owner.uid, pods.add(object.metadata.uid ?? ''));
}

function wrongWith({ spec, status = {} }: Job, podsSucceeded: number): string | undefined {
  const holds = (type: string) =>
    status.conditions?.some((each) => each.type === type && each.status === 'True') ?? false;
  const counted = status.succeeded ?? 0;
  if (holds('Complete') && holds('Failed')) return 'it is complete and failed';
  if (!holds('Complete') && !holds('Failed')) return spec.suspend ? undefined : 'it does not end';
  if ((status.active ?? 0) !== 0) return `it has ended and says that ${status.active} pods are active`;
  if (counted > podsSucceeded) return `it counts ${counted} pods that succeeded, there were ${podsSucceeded}`;
  if (holds('Complete') && counted < (spec.completions ?? 1))
    return `it is complete with ${counted} of ${spec.completions} pods`;
  return undefined;
}
