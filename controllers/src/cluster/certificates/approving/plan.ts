import { kubeletClientProblem, signerProblem, signers } from '@slipway/api/certificates/signers';
import { parseIp } from '@slipway/api/ip-address';
import type { Node } from '@slipway/api/types';
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

export type ServingDecision = 'approve' | 'wait' | 'leave';

const nodesGroup = 'system:nodes';
const nodePrefix = 'system:node:';
/** A node that has just come writes its addresses in a moment; who asks for others after this is left to people. */
const waitMs = 60_000;

export const servingMessage =
  'Auto approving kubelet serving certificate: the names are addresses of the requesting node.';

/** The node that asks for a certificate to serve with; undefined for everything else. */
export function servingNodeOf({ spec, status }: Csr): string | undefined {
  const isOpen = !status?.certificate && !(status?.conditions ?? []).some(({ type }) => type !== 'Failed');
  if (!isOpen || spec.signerName !== signers.kubeletServing || !spec.groups?.includes(nodesGroup)) return undefined;
  const { username = '' } = spec;
  return username.startsWith(nodePrefix) ? username.slice(nodePrefix.length) : undefined;
}

/** A node gets a certificate for the addresses that its own Node object has, and for no others. */
export function decideServing(csr: Csr, node: Node | undefined, nowMs: number): ServingDecision {
  const request = requestOf(csr);
  const { signerName, usages = [], username = '' } = csr.spec;
  if (!request || signerProblem({ signerName, usages, username }, request) !== undefined) return 'leave';
  const known = new Set(node?.status?.addresses?.map(({ address }) => plain(address)));
  if ([...request.dnsNames, ...request.ipAddresses].every((name) => known.has(plain(name)))) return 'approve';
  return nowMs - Date.parse(csr.metadata.creationTimestamp ?? '') < waitMs ? 'wait' : 'leave';
}

/** An address can be written in many ways. */
function plain(name: string): string {
  const address = parseIp(name);
  return address ? `${address.family} ${address.value}` : name.toLowerCase();
}

export function approved(csr: Csr, message: string): Csr {
  const conditions = csr.status?.conditions ?? [];
  const approval = { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
  return { ...csr, status: { ...csr.status, conditions: [...conditions, approval] } };
}
