/**
 * Tokens for data channels. A token says itself what it is for and is signed with a key that every API server of the cluster has, so that any of
 * them can open the session; nothing is kept until then.
 *
 *   BASE64URL(claims as JSON) "." BASE64URL(HMAC-SHA256)
 *
 * A token is a secret for as long as it holds: it is never logged.
 */
import { createHmac, createPrivateKey, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { UserInfo } from '../../../registry/strategy.ts';

/** The command, in whose name, and where. */
export interface OpenClaims {
  readonly kind: 'open';
  readonly session: string;
  readonly user: UserInfo;
  readonly namespace: string;
  readonly task: { readonly name: string; readonly uid: string };
  readonly pod: { readonly name: string; readonly uid: string };
  /** As the pod calls it, and as the task does. */
  readonly container: string;
  readonly containerName: string;
  readonly command: readonly string[];
  /** What the user is told when the session begins; empty for nothing. */
  readonly notice: string;
  readonly expiresMs: number;
}

/** To go on with a session whose connection was lost. */
export interface ResumeClaims {
  readonly kind: 'resume';
  readonly session: string;
  /** So that no two are the same. */
  readonly nonce: string;
  readonly expiresMs: number;
}

export type TokenClaims = OpenClaims | ResumeClaims;

export class SessionTokens {
  readonly #key: Buffer;

  /** `keyPem`: the cluster's key for service account tokens. The key of these tokens is derived from it, so that neither can stand for the other. */
  constructor(keyPem: string) {
    const secret = createPrivateKey(keyPem).export({ format: 'der', type: 'pkcs8' });
    this.#key = Buffer.from(hkdfSync('sha256', secret, '', 'slipway ECS session tokens, version 1', 32));
  }

  issue(claims: TokenClaims): string {
    const body = Buffer.from(JSON.stringify(claims)).toString('base64url');
    return `${body}.${this.#signature(body).toString('base64url')}`;
  }

  /** Undefined for a token that is not ours or whose time is over. */
  verify(token: string, nowMs: number): TokenClaims | undefined {
    const dot = token.indexOf('.');
    const body = token.slice(0, Math.max(dot, 0));
    const expected = this.#signature(body);
    const given = Buffer.alloc(expected.length);
    const read = Buffer.from(token.slice(dot + 1), 'base64url');
    read.copy(given);
    if (!timingSafeEqual(expected, given) || read.length !== expected.length || dot < 0) return undefined;
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as TokenClaims;
    return nowMs < claims.expiresMs ? claims : undefined;
  }

  #signature(body: string): Buffer {
    return createHmac('sha256', this.#key).update(body).digest();
  }
}
