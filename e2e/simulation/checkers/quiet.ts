import type { LedgerChange } from '../ledger.ts';

/** Signs of life are written for ever; everything else must come to an end. */
export function isSignOfLife({ resource }: LedgerChange): boolean {
  return resource === 'coordination.k8s.io/leases';
}
