/**
 * JSON web tokens for service accounts (RFC 7519), signed with ES256, with the claims that Kubernetes gives them. A token is bound to its
 * service account, and to a Pod, Secret or Node where one is named: it holds as long as they exist with the same uid.
 *
 * Checking a signature costs far more than all the rest of a request, so that verified tokens are remembered. Whether the bound objects still exist is asked each time: that is a look-up in the watch cache.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import type { StrategyContext, UserInfo } from '../registry/strategy.ts';
import { boundProblem, legacyProblem } from './bound-objects.ts';
import {
  type BoundClaims,
  type LegacyClaims,
  legacyIssuer,
  type ObjectRef,
  userOfBound,
  userOfLegacy,
} from './token-claims.ts';
import { forApiServer, type TokenAuthenticator, type TokenOutcome } from './token-outcome.ts';

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: ObjectRef;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly pod?: ObjectRef;
  readonly secret?: ObjectRef;
  readonly node?: { readonly name: string; readonly uid?: string };
}

/** A token for a Secret of type `kubernetes.io/service-account-token`. */
export interface LegacyTokenRequest {
  readonly namespace: string;
  readonly secretName: string;
  readonly serviceAccount: ObjectRef;
}

/** A token whose signature was found good. */
type VerifiedToken =
  | { readonly kind: 'bound'; readonly claims: BoundClaims; readonly user: UserInfo }
  | { readonly kind: 'legacy'; readonly claims: LegacyClaims; readonly user: UserInfo };

/** JSON Web Key (RFC 7517), public half. */
export type PublicKey = Readonly<Record<string, string>>;

export interface TokenDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly read: StrategyContext['read'];
}

/** Verified tokens remembered; each costs about two kilobytes. Past the bound they are all verified anew. */
const verifiedMax = 5_000;
const clockSkewSeconds = 10;

/** For a process that has the key and no server: signs tokens for Secrets. */
export function accountTokenSigner(
  keyPem: string,
  deps: Omit<TokenDeps, 'read'>,
): (order: LegacyTokenRequest) => string {
  const tokens = new ServiceAccountTokens(
    keyPem,
    { issuer: legacyIssuer, apiAudiences: [] },
    { ...deps, read: () => undefined },
  );
  return (order) => tokens.issueLegacy(order);
}

export class ServiceAccountTokens implements TokenAuthenticator {
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
    const claims: BoundClaims = {
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
      sub: subjectOf(namespace, serviceAccount),
    };
    return { token: this.#signed(claims), expiresAtMs: claims.exp * 1000 };
  }

  /** Without an end of its own: it holds as long as its Secret does. */
  issueLegacy({ namespace, secretName, serviceAccount }: LegacyTokenRequest): string {
    const claims: LegacyClaims = {
      iss: legacyIssuer,
      'kubernetes.io/serviceaccount/namespace': namespace,
      'kubernetes.io/serviceaccount/secret.name': secretName,
      'kubernetes.io/serviceaccount/service-account.name': serviceAccount.name,
      'kubernetes.io/serviceaccount/service-account.uid': serviceAccount.uid,
      sub: subjectOf(namespace, serviceAccount),
    };
    return this.#signed(claims);
  }

  authenticate(token: string, audiences: readonly string[]): TokenOutcome | undefined {
    const verified = this.#verifiedToken(token);
    if (!verified) return undefined;
    const nowMs = this.#deps.clock.nowMs();
    if (verified.kind === 'legacy') {
      const reason = legacyProblem(verified.claims, token, this.#deps.read, nowMs);
      return reason ? { kind: 'refused', reason } : forApiServer(verified.user, this.apiAudiences, audiences);
    }
    const { claims, user } = verified;
    const meantFor = audiences.filter((audience) => claims.aud.includes(audience));
    const reason =
      meantFor.length === 0
        ? `token audiences ${listText(claims.aud)} is invalid for the target audiences ${listText(audiences)}`
        : (timeProblem(claims, nowMs / 1000) ?? boundProblem(claims, this.#deps.read, nowMs));
    return reason ? { kind: 'refused', reason } : { kind: 'user', user, audiences: meantFor };
  }

  #verifiedToken(token: string): VerifiedToken | undefined {
    const known = this.#verified.get(token);
    if (known) return known;
    const verified = this.#verify(token);
    if (!verified) return undefined;
    if (this.#verified.size >= verifiedMax) this.#verified.clear();
    this.#verified.set(token, verified);
    return verified;
  }

  #signed(claims: BoundClaims | LegacyClaims): string {
    const signed = `${encodePart({ alg: 'ES256', kid: this.publicKey.kid })}.${encodePart(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), { key: this.#privateKey, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  }

  #verify(token: string): VerifiedToken | undefined {
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
    const claims = decodePart(body) as BoundClaims | LegacyClaims | undefined;
    if (claims?.iss === legacyIssuer) {
      return { kind: 'legacy', claims: claims as LegacyClaims, user: userOfLegacy(claims as LegacyClaims) };
    }
    if (claims?.iss !== this.issuer || !('kubernetes.io' in claims)) return undefined;
    return { kind: 'bound', claims, user: userOfBound(claims) };
  }
}

function timeProblem({ exp, nbf }: BoundClaims, nowSeconds: number): string | undefined {
  if (exp <= nowSeconds) return 'service account token has expired';
  return nbf > nowSeconds + clockSkewSeconds ? 'service account token is not valid yet' : undefined;
}

function subjectOf(namespace: string, { name }: ObjectRef): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

function listText(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
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
