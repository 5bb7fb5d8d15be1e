/**
 * Signature Version 4 in its header form, from the request as it came: the canonical request is made of the raw headers and the raw
 * target, hashed, signed with a key derived from the secret and the scope, and compared in constant time.
 *
 *   Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/ecs/aws4_request, SignedHeaders=host;x-amz-date;..., Signature=HEX
 *
 * Source: AWS Signature Version 4 for API requests (Create a signed request).
 */
import { createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { refusals } from './ecs-error.ts';

export interface SignedRequest {
  readonly method: string;
  /** Path and query as they stand on the request line. */
  readonly target: string;
  /** Name, value, name, value ... as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

/** Whose signatures are taken: those of ECS, and those of Systems Manager for the sessions of ExecuteCommand. */
export type SignedService = 'ecs' | 'ssm';

export interface Authorization {
  readonly service: SignedService;
  readonly accessKeyId: string;
  /** `20261121` */
  readonly date: string;
  readonly region: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20261121T091500Z` */
  readonly time: string;
  readonly sessionToken: string | undefined;
}

const algorithm = 'AWS4-HMAC-SHA256';
const terminator = 'aws4_request';
/** How far a client's clock may be off. AWS allows its JSON services five minutes. */
export const skewMsMax = 300_000;
const timePattern = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
const credentialPattern = /^([\w-]{1,128})\/(\d{8})\/([a-z0-9-]{1,64})\/([a-z0-9-]{1,64})\/([a-z0-9_]{1,64})$/;

/** What the request says of its signature. Throws EcsError for a request without a usable one. */
export function parseAuthorization(request: SignedRequest, headers: CanonicalHeaders): Authorization {
  const header = headers.get('authorization');
  if (header === undefined) throw refusals.unsigned();
  if (!header.startsWith(`${algorithm} `)) throw refusals.incomplete(`Unsupported AWS 'algorithm'.`);
  const parts = new Map<string, string>();
  for (const part of header.slice(algorithm.length + 1).split(',')) {
    const equals = part.indexOf('=');
    parts.set(part.slice(0, Math.max(equals, 0)).trim(), part.slice(equals + 1).trim());
  }
  const missing = ['Credential', 'SignedHeaders', 'Signature'].find((name) => !parts.get(name));
  if (missing) throw refusals.incomplete(`Authorization header requires '${missing}' parameter.`);
  const [, accessKeyId = '', date = '', region = '', named = '', end = ''] =
    credentialPattern.exec(parts.get('Credential') ?? '') ?? [];
  if (accessKeyId === '') throw refusals.incomplete('Credential must have 5 slash-delimited elements.');
  const time = headers.get('x-amz-date') ?? '';
  if (!timePattern.test(time)) throw refusals.incomplete(`Authorization header requires existence of 'X-Amz-Date'.`);
  const service = serviceOf(headers);
  if (named !== service || end !== terminator) throw refusals.badSignature();
  if (!time.startsWith(date)) throw refusals.badSignature();
  const signedHeaders = (parts.get('SignedHeaders') ?? '').split(';');
  if (!coversRequest(signedHeaders, headers)) throw refusals.badSignature();
  if (request.method !== 'POST') throw refusals.unknownOperation();
  return {
    service,
    accessKeyId,
    date,
    region,
    signedHeaders,
    signature: parts.get('Signature') ?? '',
    time,
    sessionToken: headers.get('x-amz-security-token'),
  };
}

/** The one that the operation belongs to. */
function serviceOf(headers: CanonicalHeaders): SignedService {
  return headers.get('x-amz-target')?.startsWith('AmazonSSM.') ? 'ssm' : 'ecs';
}

/** Where it goes and what it asks must be signed; names stand there once, in order. */
function coversRequest(signed: readonly string[], headers: CanonicalHeaders): boolean {
  if (!signed.includes('host')) return false;
  for (const name of headers.keys()) {
    if (name.startsWith('x-amz-') && !signed.includes(name)) return false;
  }
  return signed.every((name, at) => name !== '' && (at === 0 || (signed[at - 1] ?? '') < name));
}

/** Throws EcsError InvalidSignatureException when the request is from another time. The text has the form that SDKs correct their clock by. */
export function checkTime(time: string, nowMs: number): void {
  const sentMs = sentMsOf(time);
  if (Number.isNaN(sentMs)) throw refusals.incomplete('Date must be in ISO-8601 basic format.');
  if (sentMs < nowMs - skewMsMax) {
    const now = compactTime(nowMs);
    const bound = compactTime(nowMs - skewMsMax);
    throw refusals.skewed(`Signature expired: ${time} is now earlier than ${bound} (${now} - 5 min.)`);
  }
  if (sentMs > nowMs + skewMsMax) {
    const now = compactTime(nowMs);
    const bound = compactTime(nowMs + skewMsMax);
    throw refusals.skewed(`Signature not yet current: ${time} is still later than ${bound} (${now} + 5 min.)`);
  }
}

/** NaN when it is no time. */
function sentMsOf(time: string): number {
  const [, year, month, day, hour, minute, second] = timePattern.exec(time) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** `20261121T091500Z` */
export function compactTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

/** Header values by lower-case name: trimmed, runs of blanks as one, repeated headers joined by a comma in their order. */
export type CanonicalHeaders = ReadonlyMap<string, string>;

export function canonicalHeaders(rawHeaders: readonly string[]): CanonicalHeaders {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const raw = rawHeaders[i + 1] ?? '';
    const value = raw.includes('  ') ? raw.trim().replaceAll(/ +/g, ' ') : raw.trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return headers;
}

/** Undefined when the body is not the one that the request says it is signed with. */
export function canonicalRequest(
  request: SignedRequest,
  headers: CanonicalHeaders,
  signedHeaders: readonly string[],
): string | undefined {
  const bodyHash = hash('sha256', request.body);
  const declared = headers.get('x-amz-content-sha256');
  if (declared !== undefined && declared !== bodyHash) return undefined;
  const { target } = request;
  const mark = target.indexOf('?');
  let text = `${request.method}\n${canonicalPath(mark < 0 ? target : target.slice(0, mark))}\n`;
  text += `${mark < 0 ? '' : canonicalQuery(target.slice(mark + 1))}\n`;
  for (const name of signedHeaders) {
    const value = headers.get(name);
    if (value === undefined) return undefined;
    text += `${name}:${value}\n`;
  }
  return `${text}\n${signedHeaders.join(';')}\n${bodyHash}`;
}

/** What is encoded on the wire is encoded once more, as everywhere but in S3. */
function canonicalPath(path: string): string {
  return path === '/' || path === '' ? '/' : path.split('/').map(encoded).join('/');
}

function canonicalQuery(query: string): string {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=');
      const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
      return `${encoded(decoded(name))}=${encoded(decoded(value))}`;
    })
    .sort()
    .join('&');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Keys follow from secret, day and region; deriving one takes four HMACs, so the newest are kept. */
const signingKeysMax = 1_000;

export class SignatureVerifier {
  readonly #keys = new Map<string, KeyObject>();

  /** Whether the request was signed with this secret. */
  verify(
    request: SignedRequest,
    headers: CanonicalHeaders,
    authorization: Authorization,
    secretAccessKey: string,
  ): boolean {
    const { service, date, region, time, signedHeaders, signature } = authorization;
    const canonical = canonicalRequest(request, headers, signedHeaders);
    const scope = `${date}/${region}/${service}/${terminator}`;
    const canonicalHash = hash('sha256', canonical ?? '');
    const expected = createHmac('sha256', this.#signingKey(secretAccessKey, authorization))
      .update(`${algorithm}\n${time}\n${scope}\n${canonicalHash}`)
      .digest();
    const given = Buffer.alloc(expected.length, 0);
    given.write(/^[0-9a-f]{64}$/.test(signature) ? signature : '', 'hex');
    return timingSafeEqual(expected, given) && canonical !== undefined;
  }

  #signingKey(secretAccessKey: string, { date, region, service }: Authorization): KeyObject {
    const id = `${date}/${region}/${service}/${secretAccessKey}`;
    const known = this.#keys.get(id);
    if (known) return known;
    let derived: Buffer = Buffer.from(`AWS4${secretAccessKey}`);
    for (const part of [date, region, service, terminator]) {
      derived = createHmac('sha256', derived).update(part).digest();
    }
    // A key object is taken over by OpenSSL once and not at each use.
    const key = createSecretKey(derived);
    if (this.#keys.size >= signingKeysMax) this.#keys.clear();
    this.#keys.set(id, key);
    return key;
  }
}
