import type { Job } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';

export function observeTtl(key: ObjectKey, caches: Caches): { readonly job: Job } | undefined {
  const job = caches.get(kinds.jobs, key);
  return job?.spec.ttlSecondsAfterFinished === undefined ? undefined : { job };
}
