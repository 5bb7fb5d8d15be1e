/** What the controllers of CertificateSigningRequests share. Pure. */
import {
  type CertificateRequest,
  CertificateRequestError,
  parseCertificateRequest,
} from '@slipway/api/certificates/certificate-request';
import type { CertificateSigningRequest } from '@slipway/api/types';

export type Csr = CertificateSigningRequest;

export function hasCondition({ status }: Csr, type: string): boolean {
  return conditionTime({ status }, type) !== undefined;
}

/** When the condition was set, in milliseconds; undefined when it is not. */
export function conditionTime({ status }: Pick<Csr, 'status'>, type: string): number | undefined {
  const condition = status?.conditions?.find((candidate) => candidate.type === type);
  return condition && Date.parse(condition.lastUpdateTime ?? condition.lastTransitionTime ?? '1970-01-01T00:00:00Z');
}

/** Undefined for one that no server of this version would have stored. */
export function requestOf({ spec }: Csr): CertificateRequest | undefined {
  try {
    return parseCertificateRequest(Buffer.from(spec.request, 'base64').toString('latin1'));
  } catch (error) {
    if (error instanceof CertificateRequestError) return undefined;
    throw error;
  }
}
