import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import type * as X509 from '@peculiar/x509';
import { type KeyPair, keyAlgorithm, signingAlgorithm } from './issue-certificate.ts';
import { readSecretFile, writeSecretFile } from './secret-file.ts';

/** A new key, and a request for a certificate of it (PKCS 10), both in PEM. */
export interface KeyAndRequest {
  readonly request: string;
  readonly privateKey: string;
}

export interface WantedCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly hosts?: readonly string[];
}

/** A certificate is renewed when this part of its time is left. */
export const renewAtPart = 0.3;

/**
 * The pair in DIRECTORY/FILE.crt and .key. When there is none, or it ends soon, `obtain` is given a request and answers the certificate
 * (PEM); it is told of the old pair while that one still holds.
 */
export async function ensureRequestedPair(
  { directory, file }: { readonly directory: string; readonly file: string },
  wanted: WantedCertificate,
  clock: Clock,
  obtain: (request: string, held: KeyPair | undefined) => Promise<string>,
): Promise<KeyPair> {
  const paths = { certificate: join(directory, `${file}.crt`), privateKey: join(directory, `${file}.key`) };
  const held = await heldPair(paths, wanted, clock.nowMs());
  if (held && partLeft(held.certificate, clock.nowMs()) > renewAtPart) return held;
  const { request, privateKey } = await createCertificateRequest(wanted);
  const certificate = await obtain(request, held);
  await writeSecretFile(paths.privateKey, privateKey);
  await writeSecretFile(paths.certificate, certificate);
  return { certificate, privateKey };
}

async function heldPair(
  paths: KeyPair,
  { commonName, hosts = [] }: WantedCertificate,
  nowMs: number,
): Promise<KeyPair | undefined> {
  const certificate = await readSecretFile(paths.certificate);
  const privateKey = await readSecretFile(paths.privateKey);
  if (!certificate || !privateKey) return undefined;
  const parsed = new X509Certificate(certificate);
  const isOurs = parsed.subject.split('\n').includes(`CN=${commonName}`);
  const names = hosts.every((host) => parsed.checkHost(host) !== undefined || parsed.checkIP(host) !== undefined);
  const fits =
    isOurs && names && parsed.checkPrivateKey(createPrivateKey(privateKey)) && partLeft(certificate, nowMs) > 0;
  return fits ? { certificate, privateKey } : undefined;
}

/** When to ask for the next one: after 70 to 90 % of its time, as upstream's agents do, so that not all come at once. */
export function renewalTimeMs(certificate: string, random: Random): number {
  const { validFrom, validTo } = new X509Certificate(certificate);
  const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
  return fromMs + (toMs - fromMs) * (1 - renewAtPart + 0.2 * random.next());
}

/** Of the time that it holds. */
export function partLeft(certificate: string, nowMs: number): number {
  const { validFrom, validTo } = new X509Certificate(certificate);
  return (Date.parse(validTo) - nowMs) / (Date.parse(validTo) - Date.parse(validFrom));
}

export async function createCertificateRequest(wanted: WantedCertificate): Promise<KeyAndRequest> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const names = (wanted.hosts ?? []).map(
    (host): X509.JsonGeneralName => ({ type: isIP(host) ? 'ip' : 'dns', value: host }),
  );
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [...wanted.organizations.map((name) => ({ O: [name] })), { CN: [wanted.commonName] }],
    keys,
    signingAlgorithm,
    extensions: names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return {
    request: `${request.toString('pem')}\n`,
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}
