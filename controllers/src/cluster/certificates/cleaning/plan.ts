import { kinds } from '@slipway/client/kinds';
import type { Plan } from '../../../runtime/step.ts';
import { conditionTime, type Csr } from '../csr.ts';

const hourMs = 3600_000;

export interface ObservedCsr {
  readonly csr: Csr;
  /** When the issued certificate ends; undefined while there is none. */
  readonly certificateEndMs: number | undefined;
}

/** Requests are deleted some time after they have been served, refused or forgotten, with upstream's times. */
export function planCleaning({ csr, certificateEndMs }: ObservedCsr, nowMs: number): Plan {
  const atMs = deadlineMs(csr, certificateEndMs);
  if (nowMs < atMs) return { steps: [], status: 'unchanged', again: { afterMs: atMs - nowMs } };
  const step = { op: 'delete', kind: kinds.certificateSigningRequests, target: csr, ifUnchanged: true } as const;
  return { steps: csr.metadata.deletionTimestamp ? [] : [step], status: 'unchanged' };
}

function deadlineMs(csr: Csr, certificateEndMs: number | undefined): number {
  const createdMs = Date.parse(csr.metadata.creationTimestamp ?? '');
  const approvedMs = conditionTime(csr, 'Approved');
  const deniedMs = conditionTime(csr, 'Denied');
  const failedMs = conditionTime(csr, 'Failed');
  const deadlines = [
    approvedMs === undefined && deniedMs === undefined ? createdMs + 24 * hourMs : Number.POSITIVE_INFINITY,
    approvedMs === undefined ? Number.POSITIVE_INFINITY : approvedMs + (csr.status?.certificate ? 1 : 24) * hourMs,
    deniedMs === undefined ? Number.POSITIVE_INFINITY : deniedMs + hourMs,
    failedMs === undefined ? Number.POSITIVE_INFINITY : failedMs + hourMs,
    certificateEndMs ?? Number.POSITIVE_INFINITY,
  ];
  return Math.min(...deadlines);
}
