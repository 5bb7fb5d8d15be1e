import { CertificateRequestError, parseCertificateRequest } from '@slipway/api/certificates/certificate-request';
import { signers } from '@slipway/api/certificates/signers';
import type { CertificateSigningRequest, PersistentVolumeClaim, ResourceSlice } from '@slipway/api/types';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { NodeCheck } from './node-restriction.ts';

const leaseNamespace = 'kube-node-lease';

export const leaseProblem: NodeCheck = (node, { draft, request }) => {
  if (request.namespace !== leaseNamespace) {
    return `can only access leases in the ${JSON.stringify(leaseNamespace)} system namespace`;
  }
  const name = request.name ?? draft?.metadata.name;
  return name === node ? undefined : 'can only access node lease with the same name as the requesting node';
};

export const csiNodeProblem: NodeCheck = (node, { draft, request }) => {
  const name = request.name ?? draft?.metadata.name;
  return name === node ? undefined : 'can only access CSINode with the same name as the requesting node';
};

/** What other requests are about is for the node authoriser to look at. */
export const resourceSliceProblem: NodeCheck = (node, { draft, old, request }) => {
  if (request.operation === 'UPDATE') return undefined;
  const slice = (request.operation === 'CREATE' ? draft : old) as ResourceSlice | undefined;
  return slice === undefined || slice.spec.nodeName === node
    ? undefined
    : 'can only create/delete ResourceSlice with the same NodeName as the requesting node';
};

/** Of a claim's status a node reports how large the volume has become. */
export const claimStatusProblem: NodeCheck = (node, { draft, old, request }) => {
  if (request.operation !== 'UPDATE' || request.subresource !== 'status') {
    return `unexpected operation "${request.operation}", node ${JSON.stringify(node)} can only update the status of claims`;
  }
  const [wanted, before] = [draft, old] as (PersistentVolumeClaim | undefined)[];
  if (!wanted || !before || semanticEqual(withoutSize(wanted), withoutSize(before))) return undefined;
  return `node ${JSON.stringify(node)} is not allowed to update fields other than status.quantity and status.conditions`;
};

function withoutSize({ metadata, spec, status }: PersistentVolumeClaim): object {
  const { resourceVersion: _, managedFields: __, ...kept } = metadata;
  const {
    capacity: ___,
    conditions: ____,
    allocatedResources: _____,
    allocatedResourceStatuses: ______,
    ...rest
  } = status ?? {};
  return { metadata: kept, spec, status: rest };
}

const nodeSigners: readonly string[] = [signers.kubeletClient, signers.kubeletServing];

export const csrProblem: NodeCheck = (node, { draft }) => {
  const spec = (draft as CertificateSigningRequest | undefined)?.spec;
  if (!spec || !nodeSigners.includes(spec.signerName)) return undefined;
  const wanted = `system:node:${node}`;
  return commonNameOf(spec.request) === wanted ? undefined : `can only create a node CSR with CN=${wanted}`;
};

function commonNameOf(base64: string): string | undefined {
  try {
    return parseCertificateRequest(Buffer.from(base64, 'base64').toString('latin1')).commonName;
  } catch (error) {
    if (error instanceof CertificateRequestError) return undefined;
    throw error;
  }
}
