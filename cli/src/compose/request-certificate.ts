/** Certificates that the cluster signs for a node: asked for by a CertificateSigningRequest, and waited for. */
import { signers } from '@slipway/api/certificates/signers';
import type { CertificateSigningRequest } from '@slipway/api/types';
import type { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import { CommandError } from '../usage-error.ts';

/** What the certificate is for. */
export type NodePurpose = 'client' | 'serving';

const purposes = {
  client: { signerName: signers.kubeletClient, usages: ['digital signature', 'client auth'] },
  serving: { signerName: signers.kubeletServing, usages: ['digital signature', 'server auth'] },
} as const;

/** Answers the certificate in PEM. Throws `CommandError` when it is refused, or when the signal aborts before anybody signed. */
export async function requestedCertificate(
  client: Client,
  request: string,
  purpose: NodePurpose,
  signal: AbortSignal,
): Promise<string> {
  const draft = requestObject(request, purpose);
  const csr = await client.create(kinds.certificateSigningRequests, draft, { signal });
  const { name = '', resourceVersion } = csr.metadata;
  const selection = { fieldSelector: `metadata.name=${name}`, ...(resourceVersion ? { resourceVersion } : {}) };
  try {
    for await (const events of client.watch(kinds.certificateSigningRequests, { ...selection, signal })) {
      for (const { object } of events) {
        const certificate = certificateOf(object as CertificateSigningRequest);
        if (certificate) return certificate;
      }
    }
  } catch (error) {
    if (error instanceof CommandError || !signal.aborted) throw error;
  }
  throw new CommandError(
    `nobody signed the ${purpose} certificate of this node; see \`kubectl get csr ${name}\`, approve it by \`kubectl certificate approve ${name}\` and start the agent again`,
  );
}

function requestObject(request: string, purpose: NodePurpose): CertificateSigningRequest {
  const { signerName, usages } = purposes[purpose];
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName: 'csr-' },
    spec: { request: Buffer.from(request).toString('base64'), signerName, usages: [...usages] },
  };
}

function certificateOf({ metadata, status }: CertificateSigningRequest): string | undefined {
  const refusal = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
  if (refusal) {
    throw new CommandError(
      `the certificate of this node was refused (${metadata.name}): ${refusal.message || refusal.reason || refusal.type}`,
    );
  }
  return status?.certificate && Buffer.from(status.certificate, 'base64').toString();
}
