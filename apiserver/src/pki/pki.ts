/**
 * The cluster's own certificate authority and everything that it signs, kept in DATA_DIR/pki:
 *
 *   ca.crt, ca.key                  the authority
 *   apiserver.crt, apiserver.key    what the API server shows its clients
 *   NAME.crt, NAME.key              client certificates, made on request: admin, controller-manager, scheduler, node-NAME
 *   service-account.key             signs service account tokens (ECDSA P-256, PEM)
 *
 * A file that is there is used again; it is made anew when it is near its end, or when the names that it must carry changed.
 */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import { type CertificateRequest, issueCertificate, type KeyPair } from './issue-certificate.ts';
import { partLeft, renewAtPart } from './request-certificate.ts';
import { readSecretFile, writeSecretFile } from './secret-file.ts';
import { type SigningOrder, signRequest } from './sign-request.ts';

export type { KeyPair } from './issue-certificate.ts';
export { keepRenewed } from './keep-renewed.ts';
export { ensureRequestedPair, renewalTimeMs, type WantedCertificate } from './request-certificate.ts';

export interface ClientIdentity {
  /** The file name, without ending. */
  readonly file: string;
  readonly user: string;
  readonly groups: readonly string[];
}

export interface Pki {
  /** PEM. Public: it goes into every namespace as `kube-root-ca.crt`, and into every kubeconfig. */
  readonly caCertificate: string;
  /** PEM, PKCS 8. */
  readonly serviceAccountKey: string;
  /** Names and addresses that the certificate must be good for. */
  servingCertificate(hosts: readonly string[]): Promise<KeyPair>;
  clientCertificate(identity: ClientIdentity): Promise<KeyPair>;
  /** What a node's agent shows those who call it. */
  agentServingCertificate(nodeName: string, hosts: readonly string[]): Promise<KeyPair>;
  /** Takes effect for the next connections made with the answered pair; nothing is kept. For certificates signed on request. */
  issueClientCertificate(user: string, groups: readonly string[]): Promise<KeyPair>;
  /** PEM, for a request whose contents the caller has checked. */
  signRequest(order: SigningOrder): Promise<string>;
}

/** The identities of the parts of a cluster, with the names that upstream's bootstrap roles are bound to. */
export const clientIdentities = {
  admin: { file: 'admin', user: 'kubernetes-admin', groups: ['system:masters'] },
  controllerManager: { file: 'controller-manager', user: 'system:kube-controller-manager', groups: [] },
  scheduler: { file: 'scheduler', user: 'system:kube-scheduler', groups: [] },
  /** The API server towards the node agents. */
  agentClient: { file: 'apiserver-agent-client', user: 'kube-apiserver-kubelet-client', groups: ['system:masters'] },
  node: (name: string) => ({ file: `node-${name}`, user: `system:node:${name}`, groups: ['system:nodes'] }),
} as const;

const dayMs = 24 * 3600_000;
const authorityValidMs = 3650 * dayMs;
const leafValidMsDefault = 365 * dayMs;
/** An authority is made anew before its end. Nothing that it signed is trusted then: a cluster that old needs a hand. */
const renewAuthorityBeforeMs = 60 * dayMs;

/** `authorityName`: two authorities that one side trusts must have different names. */
export async function openPki(
  directory: string,
  { clock, random }: { clock: Clock; random: Random },
  authorityName = 'slipway-ca',
  leafValidMs = leafValidMsDefault,
): Promise<Pki> {
  const issuing = () => ({ nowMs: clock.nowMs(), random });
  const authority = await ensurePair(
    'ca',
    { commonName: authorityName, usage: 'authority', validMs: authorityValidMs },
    undefined,
  );
  const serviceAccountKey = await ensureSigningKey(join(directory, 'service-account.key'));

  async function ensurePair(file: string, request: CertificateRequest, issuer: KeyPair | undefined): Promise<KeyPair> {
    const paths = { certificate: join(directory, `${file}.crt`), privateKey: join(directory, `${file}.key`) };
    const certificate = await readSecretFile(paths.certificate);
    const privateKey = await readSecretFile(paths.privateKey);
    if (certificate && privateKey && isFit({ certificate, privateKey }, request, issuer, clock.nowMs())) {
      return { certificate, privateKey };
    }
    const made = await issueCertificate(request, issuer, issuing());
    await writeSecretFile(paths.privateKey, made.privateKey);
    await writeSecretFile(paths.certificate, made.certificate);
    return made;
  }

  return {
    caCertificate: authority.certificate,
    serviceAccountKey,
    servingCertificate: (hosts) =>
      ensurePair(
        'apiserver',
        { commonName: 'kube-apiserver', usage: 'server', hosts, validMs: leafValidMs },
        authority,
      ),
    clientCertificate: ({ file, user, groups }) =>
      ensurePair(file, { commonName: user, organizations: groups, usage: 'client', validMs: leafValidMs }, authority),
    agentServingCertificate: (nodeName, hosts) =>
      ensurePair(
        `agent-${nodeName}`,
        { commonName: `system:node:${nodeName}`, usage: 'server', hosts, validMs: leafValidMs },
        authority,
      ),
    issueClientCertificate: (user, groups) =>
      issueCertificate(
        { commonName: user, organizations: groups, usage: 'client', validMs: leafValidMs },
        authority,
        issuing(),
      ),
    signRequest: (order) => signRequest(order, authority, issuing()),
  };
}

/** A certificate whose key was lost in a crash between the two writes does not fit either. */
function isFit(pair: KeyPair, request: CertificateRequest, issuer: KeyPair | undefined, nowMs: number): boolean {
  const certificate = new X509Certificate(pair.certificate);
  const isOver =
    request.usage === 'authority'
      ? Date.parse(certificate.validTo) - nowMs < renewAuthorityBeforeMs
      : partLeft(pair.certificate, nowMs) <= renewAtPart;
  if (isOver) return false;
  if (issuer && !certificate.verify(new X509Certificate(issuer.certificate).publicKey)) return false;
  if (!matchesKey(certificate, pair.privateKey)) return false;
  return (request.hosts ?? []).every(
    (host) =>
      certificate.checkHost(host, { wildcards: false }) !== undefined || certificate.checkIP(host) !== undefined,
  );
}

function matchesKey(certificate: X509Certificate, privateKey: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(privateKey));
  } catch {
    return false;
  }
}

async function ensureSigningKey(path: string): Promise<string> {
  const kept = await readSecretFile(path);
  if (kept) return kept;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  await writeSecretFile(path, pem);
  return pem;
}
