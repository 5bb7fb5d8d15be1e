import { X509Certificate } from 'node:crypto';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../../runtime/caches.ts';
import type { ObservedCsr } from './plan.ts';

export function observeCsr(key: ObjectKey, caches: Caches): ObservedCsr | undefined {
  const csr = caches.get(kinds.certificateSigningRequests, key);
  return csr && { csr, certificateEndMs: endOf(csr.status?.certificate) };
}

function endOf(base64: string | undefined): number | undefined {
  if (!base64) return undefined;
  try {
    return Date.parse(new X509Certificate(Buffer.from(base64, 'base64')).validTo);
  } catch {
    return undefined; // signed by somebody else, with something that is no certificate
  }
}
