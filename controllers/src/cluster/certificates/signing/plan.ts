import type { CertificateRequest } from '@slipway/api/certificates/certificate-request';
import { signerProblem, signers } from '@slipway/api/certificates/signers';
import { type Csr, hasCondition, requestOf } from '../csr.ts';

export type SigningPlan =
  | { readonly op: 'leave' }
  | { readonly op: 'fail'; readonly message: string }
  | { readonly op: 'sign'; readonly request: CertificateRequest; readonly validMs: number };

const ours: readonly string[] = Object.values(signers);

/** `validMsMax` is what who asks for no time gets, and more nobody gets. What to do with a request: one that is approved, for a signer of ours, and not served yet. */
export function planSigning(csr: Csr, validMsMax: number): SigningPlan {
  const { signerName, usages = [], username = '', expirationSeconds } = csr.spec;
  const isOpen = hasCondition(csr, 'Approved') && !hasCondition(csr, 'Denied') && !hasCondition(csr, 'Failed');
  if (!isOpen || csr.status?.certificate || !ours.includes(signerName)) return { op: 'leave' };
  const request = requestOf(csr);
  if (!request) return { op: 'fail', message: 'the request cannot be parsed' };
  const problem = signerProblem({ signerName, usages, username }, request);
  if (problem !== undefined) return { op: 'fail', message: problem };
  const askedMs = expirationSeconds === undefined ? validMsMax : expirationSeconds * 1000;
  return { op: 'sign', request, validMs: Math.min(askedMs, validMsMax) };
}

export function failed(csr: Csr, message: string): Csr {
  const failure = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message };
  return { ...csr, status: { ...csr.status, conditions: [...(csr.status?.conditions ?? []), failure] } };
}
