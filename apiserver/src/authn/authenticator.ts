/** Who sends a request: a client certificate of our authority, a token of one of the kinds that we know, or nobody that we know. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { StatusError } from '@slipway/api/status-error';
import type { Clock } from '@slipway/kit/clock';
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
  readonly #bySocket = new WeakMap<object, CertificateUser>();
  readonly #clock: Pick<Clock, 'nowMs'>;

  constructor(tokens: TokenAuthenticator, apiAudiences: readonly string[], clock: Pick<Clock, 'nowMs'>) {
    this.#tokens = tokens;
    this.#apiAudiences = apiAudiences;
    this.#clock = clock;
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
    let known = this.#bySocket.get(socket);
    if (!known) {
      known = readCertificate(socket);
      this.#bySocket.set(socket, known);
    }
    // A connection may be older than the end of what it began with.
    if (known.user && this.#clock.nowMs() > known.untilMs) throw unauthorized();
    return known.user;
  }
}

interface CertificateUser {
  readonly user: UserInfo | undefined;
  readonly untilMs: number;
}

const noCertificate: CertificateUser = { user: undefined, untilMs: Number.POSITIVE_INFINITY };

function readCertificate(socket: TLSSocket): CertificateUser {
  if (typeof socket.getPeerCertificate !== 'function') return noCertificate;
  const { subject, valid_to } = socket.getPeerCertificate();
  if (!subject) return noCertificate;
  if (!socket.authorized) throw unauthorized();
  const names = listOf(subject.CN);
  if (!names[0]) throw unauthorized();
  const user = { name: names[0], groups: [...listOf(subject.O), authenticatedGroup] };
  return { user, untilMs: Date.parse(valid_to) };
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
