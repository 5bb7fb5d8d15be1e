/** Certificates that the cluster's authority signs for others: what a CertificateSigningRequest asks for. */
import { X509Certificate } from 'node:crypto';
import type { CertificateRequest } from '@slipway/api/certificates/certificate-request';
import type * as X509 from '@peculiar/x509';
import {
  type Issuing,
  importKey,
  type KeyPair,
  notBeforeMs,
  serialNumber,
  signingAlgorithm,
} from './issue-certificate.ts';

export interface SigningOrder {
  readonly request: CertificateRequest;
  /** In the words of `spec.usages`. Unknown ones are left out. */
  readonly usages: readonly string[];
  /** Shortened to the end of the authority itself. */
  readonly validMs: number;
}

/** PEM. The subject and the alternative names are those of the request; whether they are allowed the caller has checked. */
export async function signRequest(
  { request, usages, validMs }: SigningOrder,
  authority: KeyPair,
  { nowMs, random }: Issuing,
): Promise<string> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const endMs = Math.min(nowMs + validMs, Date.parse(new X509Certificate(authority.certificate).validTo));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(random),
    subject: request.subject.map(({ type, value }) => ({ [type]: [value] })),
    issuer: new x509.X509Certificate(authority.certificate).subject,
    notBefore: new Date(notBeforeMs(nowMs, validMs)),
    notAfter: new Date(endMs),
    publicKey: new x509.PublicKey(Buffer.from(request.publicKey)),
    signingKey: await importKey(authority.privateKey),
    signingAlgorithm,
    extensions: extensionsOf(x509, request, usages),
  });
  return `${certificate.toString('pem')}\n`;
}

type KeyUsage = keyof typeof X509.KeyUsageFlags;

const keyUsageNames: Readonly<Record<string, KeyUsage>> = {
  signing: 'digitalSignature',
  'digital signature': 'digitalSignature',
  'content commitment': 'nonRepudiation',
  'key encipherment': 'keyEncipherment',
  'key agreement': 'keyAgreement',
  'data encipherment': 'dataEncipherment',
  'cert sign': 'keyCertSign',
  'crl sign': 'cRLSign',
  'encipher only': 'encipherOnly',
  'decipher only': 'decipherOnly',
};

/** Object identifiers of purposes (RFC 5280, section 4.2.1.12, and those of their inventors). */
const purposes: Readonly<Record<string, string>> = {
  any: '2.5.29.37.0',
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
  'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4',
  's/mime': '1.3.6.1.5.5.7.3.4',
  'ipsec end system': '1.3.6.1.5.5.7.3.5',
  'ipsec tunnel': '1.3.6.1.5.5.7.3.6',
  'ipsec user': '1.3.6.1.5.5.7.3.7',
  timestamping: '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9',
  'microsoft sgc': '1.3.6.1.4.1.311.10.3.3',
  'netscape sgc': '2.16.840.1.113730.4.1',
};

function extensionsOf(x509: typeof X509, request: CertificateRequest, usages: readonly string[]): X509.Extension[] {
  const flags = usages.reduce((sum, usage) => {
    const name = keyUsageNames[usage];
    return name === undefined ? sum : sum | x509.KeyUsageFlags[name];
  }, 0);
  const extended = [...new Set(usages.flatMap((usage) => purposes[usage] ?? []))];
  const names: X509.JsonGeneralName[] = [
    ...request.dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...request.ipAddresses.map((value) => ({ type: 'ip' as const, value })),
    ...request.emails.map((value) => ({ type: 'email' as const, value })),
    ...request.uris.map((value) => ({ type: 'url' as const, value })),
  ];
  return [
    // Never an authority, whatever was asked for.
    new x509.BasicConstraintsExtension(false, undefined, true),
    ...(flags === 0 ? [] : [new x509.KeyUsagesExtension(flags, true)]),
    ...(extended.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(extended)]),
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
  ];
}
