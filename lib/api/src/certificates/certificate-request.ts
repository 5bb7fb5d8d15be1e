/** Requests for X.509 certificates (PKCS 10, RFC 2986) as `spec.request` of a CertificateSigningRequest holds them. */
import { DerError, type DerElement, derBits, derChildren, derOid, derTags, expectTag, readDer } from './der.ts';

export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** Every name of the subject as type (dotted) and value, in the order of the request. */
  readonly subject: readonly { readonly type: string; readonly value: string }[];
  readonly dnsNames: readonly string[];
  /** `10.0.0.1`, `fd00:0:0:0:0:0:0:1`. */
  readonly ipAddresses: readonly string[];
  readonly emails: readonly string[];
  readonly uris: readonly string[];
  /** DER, SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** What the requester signed, how and with what result. */
  readonly signed: Uint8Array;
  readonly signatureAlgorithm: string;
  readonly signature: Uint8Array;
}

export class CertificateRequestError extends Error {
  override readonly name = 'CertificateRequestError';
}

const oids = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  extensionRequest: '1.2.840.113549.1.9.14',
  san: '2.5.29.17',
};
const pemPattern = /-----BEGIN ([A-Z0-9 ]+)-----\s+([A-Za-z0-9+/=\s]*)-----END \1-----/;

/** From PEM. Throws CertificateRequestError; whether the signature is good it does not say. */
export function parseCertificateRequest(pem: string): CertificateRequest {
  const [, type, body = ''] = pemPattern.exec(pem) ?? [];
  if (type !== 'CERTIFICATE REQUEST') {
    throw new CertificateRequestError('PEM block type must be CERTIFICATE REQUEST');
  }
  try {
    const binary = atob(body.replaceAll(/\s+/g, ''));
    return fromDer(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
  } catch (error) {
    if (error instanceof DerError) throw new CertificateRequestError(`malformed certificate request: ${error.message}`);
    if (error instanceof DOMException) throw new CertificateRequestError('malformed base64');
    throw error;
  }
}

function fromDer(bytes: Uint8Array): CertificateRequest {
  const [info, algorithm, signature] = derChildren(expectTag(readDer(bytes), derTags.sequence));
  const inside = expectTag(info, derTags.sequence);
  const [, name, publicKey, ...attributes] = derChildren(inside);
  const subject = subjectOf(expectTag(name, derTags.sequence));
  const values = (wanted: string) => subject.filter(({ type }) => type === wanted).map(({ value }) => value);
  const names = alternativeNames(attributes.find(({ tag }) => tag === 0xa0));
  return {
    subject,
    commonName: values(oids.commonName).at(-1) ?? '',
    organizations: values(oids.organization),
    ...names,
    publicKey: expectTag(publicKey, derTags.sequence).whole,
    signed: inside.whole,
    signatureAlgorithm: derOid(derChildren(expectTag(algorithm, derTags.sequence))[0]),
    signature: derBits(signature),
  };
}

function subjectOf(name: DerElement): { type: string; value: string }[] {
  return derChildren(name)
    .flatMap((relative) => derChildren(expectTag(relative, derTags.set)))
    .map((pair) => {
      const [type, value] = derChildren(expectTag(pair, derTags.sequence));
      if (!value) throw new DerError('a name without a value');
      return { type: derOid(type), value: textOf(value) };
    });
}

const bmpString = 0x1e;

function textOf({ tag, content }: DerElement): string {
  if (tag !== bmpString) return new TextDecoder().decode(content);
  const pairs = Array.from(
    { length: content.length / 2 },
    (_, i) => (content[2 * i] ?? 0) * 256 + (content[2 * i + 1] ?? 0),
  );
  return String.fromCharCode(...pairs);
}

type AlternativeNames = Pick<CertificateRequest, 'dnsNames' | 'ipAddresses' | 'emails' | 'uris'>;

/** From the attribute `extensionRequest` (RFC 2985, section 5.4.2). */
function alternativeNames(attributes: DerElement | undefined): AlternativeNames {
  const found = { dnsNames: [] as string[], ipAddresses: [] as string[], emails: [] as string[], uris: [] as string[] };
  const lists = { 129: found.emails, 130: found.dnsNames, 134: found.uris } as Readonly<Record<number, string[]>>;
  for (const extension of attributes ? requestedExtensions(attributes) : []) {
    const [type, ...rest] = derChildren(extension);
    if (derOid(type) !== oids.san) continue;
    const { content } = expectTag(rest.at(-1), derTags.octetString);
    for (const name of derChildren(expectTag(readDer(content), derTags.sequence))) {
      if (name.tag === 0x87) found.ipAddresses.push(addressText(name.content));
      else lists[name.tag]?.push(new TextDecoder().decode(name.content));
    }
  }
  return found;
}

function requestedExtensions(attributes: DerElement): DerElement[] {
  return derChildren(attributes).flatMap((attribute) => {
    const [type, values] = derChildren(expectTag(attribute, derTags.sequence));
    if (derOid(type) !== oids.extensionRequest) return [];
    return derChildren(expectTag(values, derTags.set)).flatMap((extensions) => derChildren(extensions));
  });
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new DerError('an address of neither 4 nor 16 bytes');
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((bytes[2 * i] ?? 0) * 256 + (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return groups.join(':');
}
