/** Credentials and tokens by the distribution specification's challenge: Basic, or Bearer from a token server. */
import { type AuthConfig, RuntimeError } from '../runtime/cri.ts';

export interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  readonly parameters: Readonly<Record<string, string>>;
}

/** Reads a `WWW-Authenticate` header; undefined when it asks for something else. */
export function parseChallenge(header: string | null): Challenge | undefined {
  const scheme = /^\s*(basic|bearer)\b/i.exec(header ?? '')?.[1]?.toLowerCase();
  if (scheme !== 'basic' && scheme !== 'bearer') return undefined;
  const pairs = [...(header ?? '').matchAll(/([a-zA-Z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^",\s]+))/g)];
  const parameters = Object.fromEntries(
    pairs.map(([, key = '', quoted, bare]) => [key.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '']),
  );
  return { scheme, parameters };
}

/** `username:password` in base64, if there are credentials. */
export function basicCredentials(auth: AuthConfig | undefined): string | undefined {
  if (auth?.auth) return auth.auth;
  if (auth?.username === undefined) return undefined;
  return Buffer.from(`${auth.username}:${auth.password ?? ''}`).toString('base64');
}

/** A token server's answer is some kilobytes. */
const tokenBytesMax = 256 * 1024;

export interface TokenRequest {
  readonly fetch: typeof globalThis.fetch;
  readonly challenge: Challenge;
  readonly auth: AuthConfig | undefined;
  /** Used when the challenge names no scope. */
  readonly scope: string;
}

/** The value of the `Authorization` header that the challenge wants. Throws `unauthorized`. */
export async function authorize(request: TokenRequest, signal: AbortSignal): Promise<string> {
  const { challenge, auth } = request;
  if (challenge.scheme === 'bearer') {
    return auth?.registryToken ? `Bearer ${auth.registryToken}` : `Bearer ${await fetchToken(request, signal)}`;
  }
  const basic = basicCredentials(auth);
  if (basic === undefined) throw new RuntimeError('unauthorized', 'authorization failed: no basic auth credentials');
  return `Basic ${basic}`;
}

async function fetchToken({ fetch, challenge, auth, scope }: TokenRequest, signal: AbortSignal): Promise<string> {
  const { realm, service } = challenge.parameters;
  if (realm === undefined || !URL.canParse(realm)) {
    throw new RuntimeError('unauthorized', 'authorization failed: registry names no token server');
  }
  const url = new URL(realm);
  const parameters = { ...(service && { service }), scope: challenge.parameters.scope ?? scope };
  const basic = basicCredentials(auth);
  const init: RequestInit = auth?.identityToken
    ? {
        method: 'POST',
        body: new URLSearchParams({
          ...parameters,
          grant_type: 'refresh_token',
          refresh_token: auth.identityToken,
          client_id: 'slipway',
        }),
      }
    : { headers: basic === undefined ? {} : { authorization: `Basic ${basic}` } };
  if (!auth?.identityToken) for (const [key, value] of Object.entries(parameters)) url.searchParams.set(key, value);
  const response = await fetch(url, { ...init, signal });
  if (!response.ok) {
    throw new RuntimeError('unauthorized', `failed to authorize: token server answered ${response.status}`);
  }
  const text = await response.text();
  const answer = (text.length > tokenBytesMax ? {} : JSON.parse(text)) as { token?: string; access_token?: string };
  const token = answer.token ?? answer.access_token;
  if (!token) throw new RuntimeError('unauthorized', 'failed to authorize: token server gave no token');
  return token;
}
