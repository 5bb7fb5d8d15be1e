/**
 * Requests for certificates. Who asks is written in by the server and never changes; a decision (Approved, Denied) is made once, at the
 * `approval` subresource, and the certificate is set once, at `status`. Who may decide and sign is the affair of admission.
 */
import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import {
  type CertificateRequest,
  CertificateRequestError,
  parseCertificateRequest,
} from '@slipway/api/certificates/certificate-request';
import { keyUsages, signers } from '@slipway/api/certificates/signers';
import { dnsSubdomainProblems, pathSegmentProblems } from '@slipway/api/names';
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '@slipway/api/types';
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '@slipway/api/validation/field-error';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import { formatTime } from '@slipway/kit/clock';

import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

type Csr = CertificateSigningRequest;

const expirationSecondsMin = 600;
const decisions = ['Approved', 'Denied'] as const;
const finalConditions: readonly string[] = [...decisions, 'Failed'];

export const certificateSigningRequestStrategy: Strategy<Csr> = {
  resource: descriptorOf('certificates.k8s.io', 'v1', 'certificatesigningrequests'),
  validateName: pathSegmentProblems,
  defaults(draft) {
    draft.spec ??= {} as Csr['spec'];
  },
  prepareCreate(draft, { user }) {
    dropGeneration(draft);
    draft.status = {};
    const { username: _, uid: __, groups: ___, extra: ____, ...asked } = draft.spec;
    draft.spec = {
      ...asked,
      username: user.name,
      ...(user.uid === undefined ? {} : { uid: user.uid }),
      groups: [...user.groups],
      ...(user.extra ? { extra: copiedExtra(user.extra) } : {}),
    };
  },
  prepareUpdate(draft, old) {
    draft.spec = structuredClone(old.spec);
    draft.status = structuredClone(old.status ?? {});
  },
  validate(draft) {
    const errors: FieldError[] = [];
    validateSpec(errors, draft);
    validateConditions(errors, draft.status?.conditions ?? []);
    return errors;
  },
  status: {
    prepareUpdate(draft, old, { nowMs }) {
      stampConditions(draft, old, nowMs);
      keepDecisions(draft, old);
    },
    validateUpdate: validateStatusUpdate,
  },
  approval: {
    prepareUpdate(draft, old, { nowMs }) {
      const conditions = draft.status?.conditions;
      draft.status = { ...structuredClone(old.status ?? {}), ...(conditions ? { conditions } : {}) };
      stampConditions(draft, old, nowMs);
    },
    validateUpdate: (draft, old) => removedConditions(draft, old, finalConditions),
  },
  selectableFields: { 'spec.signerName': ({ spec }) => spec?.signerName ?? '' },
};

function copiedExtra(extra: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));
}

function validateSpec(errors: FieldError[], { spec, status }: Csr): void {
  const { request = '', usages = [], signerName = '', expirationSeconds } = spec;
  const problem = requestProblem(request);
  if (problem) errors.push(invalid('spec.request', request, problem));
  if (usages.length === 0) errors.push(required('spec.usages'));
  usages.forEach((usage, i) => {
    if (!keyUsages.includes(usage)) errors.push(notSupported(`spec.usages[${i}]`, usage, keyUsages));
    else if (usages.indexOf(usage) < i) errors.push(duplicate(`spec.usages[${i}]`, usage));
  });
  validateSignerName(errors, signerName);
  if (expirationSeconds !== undefined && expirationSeconds < expirationSecondsMin) {
    const detail = 'may not specify a duration less than 600 seconds (10 minutes)';
    errors.push(invalid('spec.expirationSeconds', expirationSeconds, detail));
  }
  const wrong = status?.certificate ? certificateProblem(status.certificate) : undefined;
  if (wrong) errors.push(invalid('status.certificate', status?.certificate, wrong));
}

function validateSignerName(errors: FieldError[], name: string): void {
  const path = 'spec.signerName';
  if (name === '') {
    errors.push(required(path));
    return;
  }
  if (name === signers.legacyUnknown) {
    errors.push(invalid(path, name, 'the legacy signerName is not allowed via this API version'));
    return;
  }
  const [domain = '', ...rest] = name.split('/');
  if (rest.length !== 1 || rest[0] === '') {
    const detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    errors.push(invalid(path, name, detail));
    return;
  }
  for (const problem of dnsSubdomainProblems(domain)) {
    errors.push(invalid(path, name, `validating label ${JSON.stringify(domain)}: ${problem}`));
  }
  for (const problem of dnsSubdomainProblems(rest[0] ?? '')) {
    errors.push(invalid(path, name, `validating label ${JSON.stringify(rest[0])}: ${problem}`));
  }
}

/** Signatures that prove the requester has the key, by the OID of their algorithm. */
const digests: ReadonlyMap<string, string | null> = new Map([
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.3.101.112', null],
]);

function requestProblem(base64: string): string | undefined {
  try {
    return isSigned(parseCertificateRequest(Buffer.from(base64, 'base64').toString('latin1')))
      ? undefined
      : 'the signature of the request is not that of its key';
  } catch (error) {
    if (error instanceof CertificateRequestError) return error.message;
    throw error;
  }
}

function isSigned({ publicKey, signed, signature, signatureAlgorithm }: CertificateRequest): boolean {
  const digest = digests.get(signatureAlgorithm);
  if (digest === undefined) return false;
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
    return verify(digest, signed, key, signature);
  } catch {
    return false; // a key that cannot be read, or not of the algorithm's kind
  }
}

function certificateProblem(base64: string): string | undefined {
  const pem = Buffer.from(base64, 'base64').toString('latin1');
  if (pem.trim() === '') return 'CertificateSigningRequest status must contain a valid certificate';
  const blocks = pem.match(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g) ?? [];
  if (blocks.length === 0) return 'must contain at least one CERTIFICATE PEM block';
  for (const block of blocks) {
    if (!block.startsWith('-----BEGIN CERTIFICATE-----')) return 'only CERTIFICATE PEM blocks are allowed';
    try {
      new X509Certificate(block);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  return undefined;
}

type Condition = CertificateSigningRequestCondition;

function validateConditions(errors: FieldError[], conditions: readonly Condition[]): void {
  conditions.forEach(({ type, status }, i) => {
    const path = `status.conditions[${i}]`;
    if (!type) errors.push(required(`${path}.type`));
    const statuses = finalConditions.includes(type) ? ['True'] : ['True', 'False', 'Unknown'];
    if (!status) errors.push(required(`${path}.status`));
    else if (!statuses.includes(status)) errors.push(notSupported(`${path}.status`, status, statuses));
    const before = conditions.slice(0, i).map((condition) => condition.type);
    if (before.includes(type)) errors.push(duplicate(`${path}.type`, type));
    const opposite = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined;
    if (opposite && before.includes(opposite)) {
      errors.push(invalid(`${path}.type`, type, 'Approved and Denied conditions are mutually exclusive'));
    }
  });
}

function validateStatusUpdate(draft: Csr, old: Csr): FieldError[] {
  const errors = removedConditions(draft, old, finalConditions);
  for (const type of decisions) {
    if (conditionOf(draft, type) && !conditionOf(old, type)) {
      errors.push(forbidden('status.conditions', `updates may not add a condition of type ${JSON.stringify(type)}`));
    }
  }
  const had = old.status?.certificate;
  if (had && draft.status?.certificate !== had) {
    errors.push(forbidden('status.certificate', 'updates may not modify existing certificate content'));
  }
  return errors;
}

function removedConditions(draft: Csr, old: Csr, types: readonly string[]): FieldError[] {
  return types
    .filter((type) => conditionOf(old, type) && !conditionOf(draft, type))
    .map((type) =>
      forbidden('status.conditions', `updates may not remove a condition of type ${JSON.stringify(type)}`),
    );
}

function conditionOf({ status }: Csr, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

function stampConditions({ status }: Csr, old: Csr, nowMs: number): void {
  const now = formatTime(nowMs);
  for (const condition of status?.conditions ?? []) {
    condition.lastUpdateTime ??= now;
    const before = old.status?.conditions?.find(
      ({ type, status: state }) => type === condition.type && state === condition.status,
    );
    condition.lastTransitionTime ??= before?.lastTransitionTime ?? now;
  }
}

/** A signer that writes the status does not touch the decision, even when it has an older one at hand. */
function keepDecisions({ status }: Csr, old: Csr): void {
  if (!status?.conditions) return;
  status.conditions = status.conditions.map((condition) => {
    const kept = decisions.includes(condition.type as 'Approved') ? conditionOf(old, condition.type) : undefined;
    return kept && !semanticEqual(kept, condition) ? structuredClone(kept) : condition;
  });
}
