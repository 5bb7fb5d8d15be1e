/** Who sends a request: a client certificate of our authority, a token of one of the kinds that we know, or nobody that we know. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { StatusError } from '@slipway/api/status-error';
import type { UserInfo } from '../registry/strategy.ts';
import type { TokenAuthenticator } from './token-outcome.ts';

export const anonymousUser: UserInfo = Object.freeze({
  name: 'system:anonymous',
  groups: Object.freeze(['system:unauthenticated']),
});

export const authenticatedGroup = 'system:authenticated';

export class Authenticator {
  readonly #tokens: TokenAuthenticator;
  readonly #apiAudiences: readonly string[];
  /** A connection's certificate does not change; undefined = it showed none. */
  readonly #bySocket = new WeakMap<object, { readonly user: UserInfo | undefined }>();

  constructor(tokens: TokenAuthenticator, apiAudiences: readonly string[]) {
    this.#tokens = tokens;
    this.#apiAudiences = apiAudiences;
  }

  /** Throws StatusError Unauthorized when credentials are shown that are not good. */
  authenticate(request: IncomingMessage): UserInfo {
    const token = bearerTokenOf(request);
    if (token !== undefined) {
      const outcome = this.#tokens.authenticate(token, this.#apiAudiences);
      if (outcome?.kind === 'user') return outcome.user;
      throw unauthorized();
    }
    return this.#certificateUser(request.socket as TLSSocket) ?? anonymousUser;
  }

  #certificateUser(socket: TLSSocket): UserInfo | undefined {
    const known = this.#bySocket.get(socket);
    if (known) return known.user;
    const user = readCertificate(socket);
    this.#bySocket.set(socket, { user });
    return user;
  }
}

function readCertificate(socket: TLSSocket): UserInfo | undefined {
  if (typeof socket.getPeerCertificate !== 'function') return undefined;
  const { subject } = socket.getPeerCertificate();
  if (!subject) return undefined;
  if (!socket.authorized) throw unauthorized();
  const names = listOf(subject.CN);
  if (!names[0]) throw unauthorized();
  return { name: names[0], groups: [...listOf(subject.O), authenticatedGroup] };
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** Browsers cannot set headers on a WebSocket: there the token travels as a subprotocol, base64url encoded. */
const tokenProtocolPrefix = 'base64url.bearer.authorization.k8s.io.';

function bearerTokenOf(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization;
  if (header !== undefined) {
    const [scheme = '', token = ''] = header.trim().split(/ +/, 2);
    return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined;
  }
  const protocols = request.headers['sec-websocket-protocol'];
  const carrier = protocols?.split(/, */).find((protocol) => protocol.startsWith(tokenProtocolPrefix));
  return carrier && Buffer.from(carrier.slice(tokenProtocolPrefix.length), 'base64url').toString();
}

export function unauthorized(): StatusError {
  return new StatusError('Unauthorized', 'Unauthorized');
}
