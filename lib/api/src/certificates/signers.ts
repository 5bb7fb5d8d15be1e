/** The signers of Kubernetes itself, and what each of them asks of a request. Texts are upstream's. */
import type { CertificateRequest } from './certificate-request.ts';

export const signers = {
  apiServerClient: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
  legacyUnknown: 'kubernetes.io/legacy-unknown',
} as const;

const nodesGroup = 'system:nodes';
const nodeUserPrefix = 'system:node:';

/** `spec` of a CertificateSigningRequest, as far as a signer looks at it. */
export interface SignerQuestion {
  readonly signerName: string;
  readonly usages: readonly string[];
  /** Who asks. */
  readonly username: string;
}

/** Why the signer does not sign; undefined = it does. Of a signer that is not among `signers` it has nothing to say. */
export function signerProblem(asked: SignerQuestion, request: CertificateRequest): string | undefined {
  switch (asked.signerName) {
    case signers.apiServerClient:
      return usagesProblem(asked.usages, ['client auth'], ['digital signature', 'key encipherment']);
    case signers.kubeletClient:
      return kubeletClientProblem(asked.usages, request);
    case signers.kubeletServing:
      return kubeletServingProblem(asked, request);
    default:
      return undefined;
  }
}

export function kubeletClientProblem(usages: readonly string[], request: CertificateRequest): string | undefined {
  if (!isNodesOrganization(request)) return 'subject organization is not system:nodes';
  if (request.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed';
  if (request.emails.length > 0) return 'Email subjectAltNames are not allowed';
  if (request.ipAddresses.length > 0) return 'IP subjectAltNames are not allowed';
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed';
  if (!request.commonName.startsWith(nodeUserPrefix)) return 'subject common name does not begin with system:node:';
  return usagesProblem(usages, ['client auth', 'digital signature'], ['key encipherment']);
}

function kubeletServingProblem({ usages, username }: SignerQuestion, request: CertificateRequest): string | undefined {
  if (!isNodesOrganization(request)) return 'subject organization is not system:nodes';
  if (request.dnsNames.length === 0 && request.ipAddresses.length === 0) return 'DNS or IP subjectAltName is required';
  if (request.emails.length > 0) return 'Email subjectAltNames are not allowed';
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed';
  if (!request.commonName.startsWith(nodeUserPrefix)) return 'subject common name does not begin with system:node:';
  // Otherwise a node could ask for the certificate of another one.
  if (username !== request.commonName) return 'subject common name does not match the name of the requesting node';
  return usagesProblem(usages, ['server auth', 'digital signature'], ['key encipherment']);
}

function isNodesOrganization({ organizations }: CertificateRequest): boolean {
  return organizations.length === 1 && organizations[0] === nodesGroup;
}

function usagesProblem(
  usages: readonly string[],
  needed: readonly string[],
  allowed: readonly string[],
): string | undefined {
  const fits =
    needed.every((usage) => usages.includes(usage)) &&
    usages.every((usage) => needed.includes(usage) || allowed.includes(usage));
  return fits ? undefined : 'usages did not match';
}

/** Every usage that a request may name. */
export const keyUsages: readonly string[] = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
