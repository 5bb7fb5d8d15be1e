/** Who may approve a request for a certificate, who may sign it, and who may not be certified. The names and texts are upstream's. */
import { CertificateRequestError, parseCertificateRequest } from '@slipway/api/certificates/certificate-request';
import { signers } from '@slipway/api/certificates/signers';
import type { CertificateSigningRequest } from '@slipway/api/types';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import { mastersGroup } from '../../authz/authorizer.ts';
import { forbidden } from '../../registry/status-errors.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionRequest } from '../plugin.ts';

const group = 'certificates.k8s.io';
const resource = 'certificatesigningrequests';

export const certificateApproval: AdmissionPlugin = {
  name: 'CertificateApproval',
  on: [{ operations: ['UPDATE'], group, resources: [`${resource}/approval`] }],
  validate({ old, request }, deps) {
    const csr = old as CertificateSigningRequest | undefined;
    if (csr) requireSignerRight('approve', csr, request, deps);
  },
};

export const certificateSigning: AdmissionPlugin = {
  name: 'CertificateSigning',
  on: [{ operations: ['UPDATE'], group, resources: [`${resource}/status`] }],
  validate({ draft, old, request }, deps) {
    const [csr, before] = [draft, old] as (CertificateSigningRequest | undefined)[];
    if (!csr || !before || semanticEqual(csr.status, before.status)) return;
    requireSignerRight('sign', before, request, deps);
  },
};

export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  on: [{ operations: ['CREATE'], group, resources: [resource] }],
  validate({ draft, request }) {
    const csr = draft as CertificateSigningRequest | undefined;
    if (csr?.spec.signerName !== signers.apiServerClient || !organizationsOf(csr).includes(mastersGroup)) return;
    const reason = `use of ${signers.apiServerClient} signer with ${mastersGroup} group is not allowed`;
    throw forbidden(request.api, csr.metadata.name ?? '', reason);
  },
};

function organizationsOf({ spec }: CertificateSigningRequest): readonly string[] {
  try {
    return parseCertificateRequest(Buffer.from(spec.request, 'base64').toString('latin1')).organizations;
  } catch (error) {
    if (error instanceof CertificateRequestError) return []; // refused with its own words by the kind's rules
    throw error;
  }
}

/** The right is on `signers`, by the signer's name or by `DOMAIN/*`. */
function requireSignerRight(
  verb: 'approve' | 'sign',
  { metadata, spec }: CertificateSigningRequest,
  { user, api }: AdmissionRequest,
  { may }: AdmissionDeps,
): void {
  const { signerName } = spec;
  const named = (name: string) => may(user, verb, { group, resource: 'signers', namespace: '', name });
  if (named(signerName) || named(`${signerName.split('/', 1)[0]}/*`)) return;
  const reason = `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`;
  throw forbidden(api, metadata.name ?? '', reason);
}
