/**
 * Makes X.509 certificates with ECDSA keys on P-256. The ASN.1 library takes a while to load, so it is loaded only when a certificate
 * really has to be made: a second start of a cluster makes none.
 */
import type * as X509 from '@peculiar/x509';
import { createPrivateKey, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type { Random } from '@slipway/kit/random';

/** Certificate and key in PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly privateKey: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly usage: 'authority' | 'server' | 'client';
  /** Addresses and DNS names that a server answers to. */
  readonly hosts?: readonly string[];
  readonly validMs: number;
}

export interface Issuing {
  readonly nowMs: number;
  readonly random: Random;
}

export const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
export const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** Machines whose clock is a little behind must accept a certificate that was just made. */
const clockSkewMs = 5 * 60_000;

/** Of a certificate that is made now and is to hold so long. Short-lived ones reach back less: most of their time lies ahead. */
export function notBeforeMs(nowMs: number, validMs: number): number {
  return nowMs - Math.min(clockSkewMs, validMs / 10);
}

/** Without an issuer the certificate is signed by its own key. */
export async function issueCertificate(
  request: CertificateRequest,
  issuer: KeyPair | undefined,
  { nowMs, random }: Issuing,
): Promise<KeyPair> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const signedBy = issuer
    ? { key: await importKey(issuer.privateKey), name: new x509.X509Certificate(issuer.certificate).subject }
    : undefined;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(random),
    subject: [...(request.organizations ?? []).map((name) => ({ O: [name] })), { CN: [request.commonName] }],
    issuer: signedBy?.name ?? [{ CN: [request.commonName] }],
    notBefore: new Date(notBeforeMs(nowMs, request.validMs)),
    notAfter: new Date(nowMs + request.validMs),
    publicKey: keys.publicKey,
    signingKey: signedBy?.key ?? keys.privateKey,
    signingAlgorithm,
    extensions: extensionsOf(x509, request),
  });
  const privateKey = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    certificate: `${certificate.toString('pem')}\n`,
    privateKey: createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' })
      .export({ format: 'pem', type: 'pkcs8' })
      .toString(),
  };
}

function extensionsOf(x509: typeof X509, request: CertificateRequest): X509.Extension[] {
  if (request.usage === 'authority') {
    return [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.cRLSign,
        true,
      ),
    ];
  }
  const purpose = request.usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
  const names = (request.hosts ?? []).map(
    (host): X509.JsonGeneralName => ({ type: isIP(host) ? 'ip' : 'dns', value: host }),
  );
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([purpose]),
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
  ];
}

/** Positive, as RFC 5280 asks, and too long to meet twice. */
export function serialNumber(random: Random): string {
  const bytes = random.bytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

export async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
  return await webcrypto.subtle.importKey('pkcs8', der, keyAlgorithm, false, ['sign']);
}
