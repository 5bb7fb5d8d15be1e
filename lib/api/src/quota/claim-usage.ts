import { type Quantity, tryParseQuantity } from '../quantity.ts';
import type { PersistentVolumeClaim } from '../types.ts';
import { one, type Usage } from './usage.ts';

const ofClass = '.storageclass.storage.k8s.io/';

export function coversClaims(name: string): boolean {
  return (
    name === 'count/persistentvolumeclaims' ||
    name === 'persistentvolumeclaims' ||
    name === 'requests.storage' ||
    name.endsWith(`${ofClass}requests.storage`) ||
    name.endsWith(`${ofClass}persistentvolumeclaims`)
  );
}

export function claimUsage({ metadata, spec, status }: PersistentVolumeClaim): Usage {
  const usage = new Map<string, Quantity>([
    ['count/persistentvolumeclaims', one],
    ['persistentvolumeclaims', one],
  ]);
  const storageClass = metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec.storageClassName ?? '';
  if (storageClass !== '') usage.set(`${storageClass}${ofClass}persistentvolumeclaims`, one);
  const storage = storageOf({ spec, status });
  if (!storage) return usage;
  usage.set('requests.storage', storage);
  if (storageClass !== '') usage.set(`${storageClass}${ofClass}requests.storage`, storage);
  return usage;
}

/** What a failed growth took stays taken until it is given back. */
function storageOf({ spec, status }: Pick<PersistentVolumeClaim, 'spec' | 'status'>): Quantity | undefined {
  const requested = tryParseQuantity(spec.resources?.requests?.storage ?? '');
  const allocated = tryParseQuantity(status?.allocatedResources?.storage ?? '');
  if (!requested || !allocated) return requested;
  return allocated.nanos > requested.nanos ? allocated : requested;
}
