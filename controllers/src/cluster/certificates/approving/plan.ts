import { kubeletClientProblem, signers } from '@slipway/api/certificates/signers';
import { type Csr, hasCondition, requestOf } from '../csr.ts';

/** A kind of request that is approved when its author may create `certificatesigningrequests/PERMISSION`. */
export interface Recognized {
  readonly permission: 'selfnodeclient' | 'nodeclient';
  readonly message: string;
}

/** In the order in which the rights are asked for; empty for what a person has to decide on. */
export function recognizedAs(csr: Csr): readonly Recognized[] {
  if (csr.status?.certificate || hasCondition(csr, 'Approved') || hasCondition(csr, 'Denied')) return [];
  const request = requestOf(csr);
  if (!request || csr.spec.signerName !== signers.kubeletClient) return [];
  if (kubeletClientProblem(csr.spec.usages ?? [], request) !== undefined) return [];
  const self: Recognized = {
    permission: 'selfnodeclient',
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
  };
  const any: Recognized = {
    permission: 'nodeclient',
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
  };
  return csr.spec.username === request.commonName ? [self, any] : [any];
}

export function approved(csr: Csr, message: string): Csr {
  const conditions = csr.status?.conditions ?? [];
  const approval = { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
  return { ...csr, status: { ...csr.status, conditions: [...conditions, approval] } };
}
