/**
 * The open sessions of this server, and the way into them: a WebSocket whose first message is a token.
 *
 *   ExecuteCommand ─► prepare: session ID, address, token ─► (the client) ─► upgrade ─► token ─► TerminalSession
 *   ssm ResumeSession ─► resume: a token for a session that is there
 *
 * A token opens one session once, in the whole cluster: opening writes an Event of the session's name, and the store lets a name be taken once.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { isStatus } from '@slipway/api/status-error';
import type { Transport } from '@slipway/api/transport';
import { messageOf } from '@slipway/kit/errors';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Authorizer } from '../../../authz/access-request.ts';
import { authorize } from '../../../authz/authorizer.ts';
import type { UserInfo } from '../../../registry/strategy.ts';
import type { PodCommands } from '../../../streaming/pod-commands.ts';
import { ecsGroup, ecsVersion, resources } from '../kinds.ts';
import { encodeAgentMessage, messageFlags, messageTypes } from './agent-message.ts';
import { channelClosed, tokenOf } from './payloads.ts';
import { recordSession } from './record-session.ts';
import { type OpenClaims, type ResumeClaims, SessionTokens } from './session-token.ts';
import { type SessionTimes, sessionTimes, TerminalSession } from './terminal-session.ts';

export interface SessionsDeps {
  readonly tokenKey: string;
  readonly commands: PodCommands;
  readonly authorizer: Authorizer;
  /** As the platform itself. */
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly times?: SessionTimes;
}

export type PreparedSession = { readonly sessionId: string; readonly streamUrl: string; readonly tokenValue: string };

/** A token is used at once; this is for a slow start of the plugin. */
const tokenValidMs = 60_000;
/** Open sessions of one server. */
const sessionsMax = 200;
/** Connections that have not shown a token yet. */
const waitingMax = 100;
const firstMessageMsMax = 10_000;
/** Of a message; clients send up to 1 KiB of input at a time, and a token carries its command. */
const messageBytesMax = 64 * 1024;
const pathPattern = /^\/v1\/data-channel\/([\w-]{1,64})(?:\?|$)/;

interface OpenSession {
  readonly session: TerminalSession;
  readonly user: string;
  /** Of the token that may resume it. */
  nonce: string | undefined;
}

export class Sessions {
  readonly #deps: SessionsDeps;
  readonly #tokens: SessionTokens;
  readonly #open = new Map<string, OpenSession>();
  readonly #waiting = new Set<WebSocket>();
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: messageBytesMax,
    perMessageDeflate: false,
  });
  #isClosing = false;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
    this.#tokens = new SessionTokens(deps.tokenKey);
  }

  get commands(): PodCommands {
    return this.#deps.commands;
  }

  get isFull(): boolean {
    return this.#open.size >= sessionsMax;
  }

  /** Throws StatusError Forbidden: `create` on `tasks/exec` is what it takes. */
  authorize(user: UserInfo, namespace: string, task: string): void {
    authorize(this.#deps.authorizer, {
      kind: 'resource',
      user,
      verb: 'create',
      group: ecsGroup,
      version: ecsVersion,
      resource: resources.Task,
      subresource: 'exec',
      namespace,
      name: task,
    });
  }

  /** `reachedAt`: how the client addresses this server, `http://HOST:PORT` or `https://HOST:PORT`. */
  prepare(claims: Omit<OpenClaims, 'kind' | 'session' | 'expiresMs'>, reachedAt: string): PreparedSession {
    const { clock, random } = this.#deps;
    const session = `ecs-execute-command-${random.bytes(9).toString('hex').slice(0, 17)}`;
    const tokenValue = this.#tokens.issue({
      ...claims,
      kind: 'open',
      session,
      expiresMs: clock.nowMs() + tokenValidMs,
    });
    return { sessionId: session, streamUrl: streamUrl(session, reachedAt), tokenValue };
  }

  /** Undefined when the user has no such session here (any more). */
  resume(session: string, user: UserInfo, reachedAt: string): PreparedSession | undefined {
    const open = this.#open.get(session);
    if (open?.user !== user.name || open.session.isOver) return undefined;
    const { clock, random } = this.#deps;
    open.nonce = random.bytes(16).toString('base64url');
    const expiresMs = clock.nowMs() + tokenValidMs;
    const tokenValue = this.#tokens.issue({ kind: 'resume', session, nonce: open.nonce, expiresMs });
    return { sessionId: session, streamUrl: streamUrl(session, reachedAt), tokenValue };
  }

  terminate(session: string, user: UserInfo): void {
    const open = this.#open.get(session);
    if (open?.user === user.name) open.session.end('');
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const [, session] = pathPattern.exec(request.url ?? '') ?? [];
    const refusal = session === undefined ? 404 : this.#isClosing || this.#waiting.size >= waitingMax ? 503 : undefined;
    if (session === undefined || refusal !== undefined) {
      socket.on('error', () => socket.destroy());
      socket.end(`HTTP/1.1 ${refusal} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (client) => this.#awaitToken(client, session));
  }

  /** Says goodbye to everybody; resolves when all have gone, at the latest when `givingUp` aborts. */
  async close(givingUp: AbortSignal): Promise<void> {
    this.#isClosing = true;
    for (const client of this.#waiting) client.terminate();
    const ending = [...this.#open.values()].map(({ session }) => session);
    for (const session of ending) session.end('The server is shutting down.');
    const giveUp = () => {
      for (const session of ending) session.terminate();
    };
    givingUp.addEventListener('abort', giveUp, { once: true });
    if (givingUp.aborted) giveUp();
    await Promise.all(ending.map(({ ended }) => ended));
    givingUp.removeEventListener('abort', giveUp);
  }

  #awaitToken(client: WebSocket, session: string): void {
    this.#waiting.add(client);
    const cancel = this.#deps.clock.after(firstMessageMsMax, () => client.terminate());
    client.on('error', () => client.terminate());
    client.once('close', () => {
      cancel();
      this.#waiting.delete(client);
    });
    client.once('message', (data: Buffer, isBinary) => {
      cancel();
      client.pause();
      const token = isBinary ? undefined : tokenOf(data.toString());
      this.#enter(client, session, token ?? '')
        .catch((error) => this.#refuse(client, session, messageOf(error)))
        .finally(() => {
          this.#waiting.delete(client);
          if (client.isPaused) client.resume();
        });
    });
  }

  async #enter(client: WebSocket, session: string, token: string): Promise<void> {
    const claims = this.#tokens.verify(token, this.#deps.clock.nowMs());
    if (claims?.session !== session) {
      this.#deps.log.debug({ session }, 'data channel without a good token');
      return this.#refuse(client, session, 'The token of the session is not valid or has expired.');
    }
    if (claims.kind === 'resume') this.#reenter(client, claims);
    else await this.#begin(client, claims);
  }

  #reenter(client: WebSocket, { session, nonce }: ResumeClaims): void {
    const open = this.#open.get(session);
    if (!open || open.nonce !== nonce) {
      this.#refuse(client, session, 'The session has ended.');
      return;
    }
    open.nonce = undefined;
    open.session.connect(client);
  }

  async #begin(client: WebSocket, claims: OpenClaims): Promise<void> {
    const { session, user } = claims;
    const { clock, random, commands, transport, log } = this.#deps;
    if (this.isFull) return this.#refuse(client, session, `This server has ${sessionsMax} sessions; close one first.`);
    try {
      this.authorize(user, claims.namespace, claims.task.name);
      await recordSession(claims, transport, clock.nowMs());
    } catch (error) {
      const isUsed = isStatus(error, 'AlreadyExists');
      return this.#refuse(client, session, isUsed ? 'The token of the session was used already.' : messageOf(error));
    }
    if (this.#isClosing) return this.#refuse(client, session, 'The server is shutting down.');
    const { namespace, pod, container, command } = claims;
    const startCommand = (signal: AbortSignal) => commands.start({ user, namespace, pod, container, command }, signal);
    const times = this.#deps.times ?? sessionTimes;
    const terminal = new TerminalSession(session, { clock, random, times, notice: claims.notice, startCommand });
    this.#open.set(session, { session: terminal, user: user.name, nonce: undefined });
    log.info({ session, user: user.name, namespace, task: claims.task.name, container }, 'session opened');
    void terminal.ended.then(() => {
      this.#open.delete(session);
      log.info({ session }, 'session ended');
    });
    terminal.connect(client);
  }

  /** A client of the protocol shows why to its user; then the connection is closed. */
  #refuse(client: WebSocket, session: string, why: string): void {
    const { clock, random } = this.#deps;
    const bytes = encodeAgentMessage({
      type: messageTypes.channelClosed,
      createdMs: clock.nowMs(),
      sequenceNumber: 0,
      flags: messageFlags.first | messageFlags.last,
      id: random.uuid(),
      payloadType: 0,
      payload: channelClosed(session, random.uuid(), clock.nowMs(), why),
    });
    client.send(bytes, () => client.close(1008));
  }
}

function streamUrl(session: string, reachedAt: string): string {
  return `${reachedAt.replace(/^http/, 'ws')}/v1/data-channel/${session}?role=publish_subscribe`;
}
