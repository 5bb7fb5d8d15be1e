/**
 * JSON web tokens for service accounts (RFC 7519), signed with ES256, with the claims that Kubernetes gives them. A token is bound to its
 * service account, and to a Pod or Secret where one is named: it holds as long as they exist with the same uid.
 *
 * Checking a signature costs far more than all the rest of a request, so that verified tokens are remembered. Whether the bound objects still exist is asked each time: that is a look-up in the watch cache.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import type { StrategyContext, UserInfo } from '../registry/strategy.ts';

export interface ObjectRef {
  readonly name: string;
  readonly uid: string;
}

export interface TokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly jti: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: ObjectRef;
    readonly pod?: ObjectRef;
    readonly secret?: ObjectRef;
    readonly node?: { readonly name: string; readonly uid?: string };
    readonly warnafter?: number;
  };
}

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: ObjectRef;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly pod?: ObjectRef;
  readonly secret?: ObjectRef;
  readonly node?: { readonly name: string; readonly uid?: string };
}

/** A token whose signature was found good. */
interface VerifiedToken {
  readonly claims: TokenClaims;
  readonly user: UserInfo;
}

/** JSON Web Key (RFC 7517), public half. */
export type PublicKey = Readonly<Record<string, string>>;

export interface TokenDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly read: StrategyContext['read'];
}

/** Verified tokens remembered; each costs about two kilobytes. Past the bound they are all verified anew. */
const verifiedMax = 5_000;
/** Longer ones are not looked at. */
const tokenCharactersMax = 16 * 1024;

export class ServiceAccountTokens {
  readonly publicKey: PublicKey;
  readonly issuer: string;
  readonly apiAudiences: readonly string[];
  readonly #privateKey: KeyObject;
  readonly #verifyKey: KeyObject;
  readonly #deps: TokenDeps;
  readonly #verified = new Map<string, VerifiedToken>();

  constructor(keyPem: string, options: { issuer: string; apiAudiences: readonly string[] }, deps: TokenDeps) {
    this.#privateKey = createPrivateKey(keyPem);
    this.#verifyKey = createPublicKey(keyPem);
    this.issuer = options.issuer;
    this.apiAudiences = options.apiAudiences;
    this.#deps = deps;
    const jwk = this.#verifyKey.export({ format: 'jwk' }) as Record<string, string>;
    const keyId = createHash('sha256')
      .update(this.#verifyKey.export({ format: 'der', type: 'spki' }))
      .digest('base64url');
    this.publicKey = { use: 'sig', alg: 'ES256', kid: keyId, ...jwk };
  }

  issue(request: TokenRequest): { readonly token: string; readonly expiresAtMs: number } {
    const nowSeconds = Math.floor(this.#deps.clock.nowMs() / 1000);
    const { namespace, serviceAccount, pod, secret, node } = request;
    const claims: TokenClaims = {
      aud: request.audiences.length > 0 ? request.audiences : this.apiAudiences,
      exp: nowSeconds + request.expirationSeconds,
      iat: nowSeconds,
      iss: this.issuer,
      jti: this.#deps.random.uuid(),
      'kubernetes.io': {
        namespace,
        ...(node ? { node } : {}),
        ...(pod ? { pod } : {}),
        ...(secret ? { secret } : {}),
        serviceaccount: serviceAccount,
      },
      nbf: nowSeconds,
      sub: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
    };
    const signed = `${encodePart({ alg: 'ES256', kid: this.publicKey.kid })}.${encodePart(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), { key: this.#privateKey, dsaEncoding: 'ieee-p1363' });
    return { token: `${signed}.${signature.toString('base64url')}`, expiresAtMs: claims.exp * 1000 };
  }

  /** The user of a token that is ours, in time, meant for one of the audiences, and whose bound objects still exist; else undefined. */
  authenticate(token: string, audiences: readonly string[] = this.apiAudiences): UserInfo | undefined {
    const verified = this.#verifiedToken(token);
    return verified && this.#holds(verified.claims, audiences) ? verified.user : undefined;
  }

  #verifiedToken(token: string): VerifiedToken | undefined {
    if (token.length > tokenCharactersMax) return undefined;
    const known = this.#verified.get(token);
    if (known) return known;
    const claims = this.#verify(token);
    if (!claims) return undefined;
    if (this.#verified.size >= verifiedMax) this.#verified.clear();
    const verified = { claims, user: userOf(claims) };
    this.#verified.set(token, verified);
    return verified;
  }

  #verify(token: string): TokenClaims | undefined {
    const [head = '', body = '', signature = '', ...more] = token.split('.');
    if (signature === '' || more.length > 0) return undefined;
    if ((decodePart(head) as { alg?: unknown } | undefined)?.alg !== 'ES256') return undefined;
    const isOurs = verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      { key: this.#verifyKey, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
    if (!isOurs) return undefined;
    const claims = decodePart(body) as TokenClaims | undefined;
    return claims?.iss === this.issuer && claims['kubernetes.io'] ? claims : undefined;
  }

  #holds(claims: TokenClaims, audiences: readonly string[]): boolean {
    const nowSeconds = this.#deps.clock.nowMs() / 1000;
    if (claims.exp <= nowSeconds || claims.nbf > nowSeconds + clockSkewSeconds) return false;
    if (!claims.aud.some((audience) => audiences.includes(audience))) return false;
    const { namespace, serviceaccount, pod, secret } = claims['kubernetes.io'];
    return (
      this.#exists('serviceaccounts', namespace, serviceaccount) &&
      (!pod || this.#exists('pods', namespace, pod)) &&
      (!secret || this.#exists('secrets', namespace, secret))
    );
  }

  #exists(resource: string, namespace: string, { name, uid }: ObjectRef): boolean {
    return this.#deps.read(resource, '', namespace, name)?.metadata.uid === uid;
  }
}

const clockSkewSeconds = 10;

function userOf({ sub, jti, 'kubernetes.io': bound }: TokenClaims): UserInfo {
  const { namespace, serviceaccount, pod, node } = bound;
  return {
    name: sub,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra: {
      'authentication.kubernetes.io/credential-id': [`JTI=${jti}`],
      ...(node ? { 'authentication.kubernetes.io/node-name': [node.name] } : {}),
      ...(node?.uid ? { 'authentication.kubernetes.io/node-uid': [node.uid] } : {}),
      ...(pod ? { 'authentication.kubernetes.io/pod-name': [pod.name] } : {}),
      ...(pod ? { 'authentication.kubernetes.io/pod-uid': [pod.uid] } : {}),
    },
  };
}

function encodePart(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decodePart(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
  } catch {
    return undefined; // whoever sends this has no token of ours
  }
}
