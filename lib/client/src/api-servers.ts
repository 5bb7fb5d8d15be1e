/**
 * The API servers of one cluster, as a client sees them: all requests and watches go to one, the current one, until it fails somebody;
 * then to the next. One that refuses or breaks connections fails at once. One that is silent (stopped, or cut off by a network that
 * loses packets) shows by this:
 *
 *   something was asked, or is watched, and nothing was heard for a while
 *     ─▶ every server is asked something easy, over a connection that is kept for this
 *          ─▶ this one does not answer that either, and another does: whatever waits for it is ended with `SilentServerError`
 *
 * A server that is slow with one answer is not taken for a silent one. With a single server there is nowhere to go, and nothing is asked.
 */
import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Clock } from '@slipway/kit/clock';
import type { Connection } from './kubeconfig.ts';

/** While an answer is waited for: so long nothing may be heard before the server is asked whether it is there. */
const silenceMs = 750;
/** The same while there are only watches, which may have nothing to tell. A shorter time would cost more: each idle client asks as often. */
const quietMs = 1_500;
/** How long the easy question may take. */
const probeMs = 750;
const lookMs = 250;
/** A server that failed is passed over for this time, while others do not fail. */
const restMs = 2_000;

/** A server did not answer, while another one does. What was asked of it may have been done. */
export class SilentServerError extends Error {
  override readonly name = 'SilentServerError';
}

/** PEM. */
export interface ClientPair {
  readonly cert: string;
  readonly key: string;
}

type Tls = Pick<Connection, 'ca' | 'cert' | 'key' | 'tlsServerName' | 'insecureSkipTlsVerify'>;
/** `bare` ones show no certificate: they are for those who have a token. */
export type Purpose = 'request' | 'watch' | 'bare request' | 'bare watch';

type Agents = Readonly<Record<Purpose | 'probe', HttpAgent | HttpsAgent>>;

interface Work {
  readonly purpose: Purpose;
  readonly sinceMs: number;
  readonly end: (reason: Error) => void;
}

/** One server and the connections to it. */
export class ApiServerPlace {
  readonly base: URL;
  readonly #socketsMax: number;
  #tls: Tls;
  #agents: Agents;
  readonly #work = new Set<Work>();
  #heardMs: number;
  /** A question about it is under way. */
  isAsked = false;

  constructor(server: string, tls: Tls, socketsMax: number, nowMs: number) {
    this.base = new URL(server);
    this.#tls = tls;
    this.#socketsMax = socketsMax;
    this.#agents = this.#createAgents();
    this.#heardMs = nowMs;
  }

  get isSecure(): boolean {
    return this.base.protocol === 'https:';
  }

  get isIdle(): boolean {
    return this.#work.size === 0;
  }

  agent(purpose: Purpose): HttpAgent | HttpsAgent {
    return this.#agents[purpose];
  }

  /** Until the returned function is called somebody waits for this server. */
  begin(purpose: Purpose, sinceMs: number, end: (reason: Error) => void): () => void {
    const work: Work = { purpose, sinceMs, end };
    this.#work.add(work);
    return () => void this.#work.delete(work);
  }

  heard(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  isSuspect(nowMs: number): boolean {
    for (const { purpose, sinceMs } of this.#work) {
      const patienceMs = purpose.endsWith('watch') ? quietMs : silenceMs;
      if (nowMs - Math.max(sinceMs, this.#heardMs) >= patienceMs) return true;
    }
    return false;
  }

  /** Everything that waits is ended, and the next request begins with a new connection. */
  give(reason: Error): void {
    for (const { end } of this.#work) end(reason);
    this.#work.clear();
    this.close();
    this.#agents = this.#createAgents();
  }

  /** New connections show the new certificate; those in use go on with the old one until they end. */
  useCertificate(pair: ClientPair): void {
    this.#tls = { ...this.#tls, ...pair };
    const before = Object.values(this.#agents);
    this.#agents = this.#createAgents();
    for (const agent of before) {
      agent.maxFreeSockets = 0;
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    }
  }

  /** Resolves true as soon as anything answers. */
  answers(clock: Clock): Promise<boolean> {
    return new Promise((resolve) => {
      const { hostname, port, pathname } = this.base;
      const options = {
        agent: this.#agents.probe,
        host: hostname.replace(/^\[|\]$/g, ''),
        port: port || (this.isSecure ? 443 : 80),
        path: `${pathname.replace(/\/$/, '')}/version`,
      } as const;
      const probe = this.isSecure ? requestHttps(options) : requestHttp(options);
      const cancel = clock.after(probeMs, () => probe.destroy(new Error('no answer')));
      const finish = (isThere: boolean) => {
        cancel();
        resolve(isThere);
      };
      probe.once('response', (response) => {
        response.resume();
        finish(true);
      });
      probe.on('error', () => finish(false));
      probe.end();
    });
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  #createAgents(): Agents {
    const common = { keepAlive: true, keepAliveMsecs: 15_000 };
    const create = (maxSockets: number, isBare: boolean) =>
      this.isSecure
        ? new HttpsAgent({ ...common, ...this.#tlsOptions(isBare), maxSockets })
        : new HttpAgent({ ...common, maxSockets });
    return {
      request: create(this.#socketsMax, false),
      'bare request': create(this.#socketsMax, true),
      // Watches never wait for each other, nor do requests for watches.
      watch: create(Number.POSITIVE_INFINITY, false),
      'bare watch': create(Number.POSITIVE_INFINITY, true),
      probe: create(1, false),
    };
  }

  #tlsOptions(isBare: boolean) {
    const { ca, cert, key, tlsServerName, insecureSkipTlsVerify } = this.#tls;
    return {
      rejectUnauthorized: !insecureSkipTlsVerify,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || isBare ? {} : { cert }),
      ...(key === undefined || isBare ? {} : { key }),
      ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
    };
  }
}

export class ApiServers {
  readonly #clock: Clock;
  readonly #places: readonly ApiServerPlace[];
  readonly #restsUntilMs = new Map<ApiServerPlace, number>();
  #at = 0;
  #cancelLook: (() => void) | undefined;

  constructor(connection: Connection, { clock, socketsMax }: { readonly clock: Clock; readonly socketsMax: number }) {
    this.#clock = clock;
    const nowMs = clock.monotonicMs();
    const servers = [connection.server, ...(connection.otherServers ?? [])];
    this.#places = servers.map((server) => new ApiServerPlace(server, connection, socketsMax, nowMs));
  }

  get count(): number {
    return this.#places.length;
  }

  current(): ApiServerPlace {
    return this.#places[this.#at] as ApiServerPlace;
  }

  /** The server failed somebody: others are asked from now on. What it works on is not touched. */
  moveOn(place: ApiServerPlace): void {
    const nowMs = this.#clock.monotonicMs();
    this.#restsUntilMs.set(place, nowMs + restMs);
    if (place !== this.current()) return;
    for (let step = 1; step <= this.count; step++) {
      const next = (this.#at + step) % this.count;
      const isResting = (this.#restsUntilMs.get(this.#places[next] as ApiServerPlace) ?? 0) > nowMs;
      if (isResting && step < this.count) continue;
      this.#at = isResting ? (this.#at + 1) % this.count : next;
      return;
    }
  }

  /** Somebody waits for the server until the returned function is called. */
  begin(place: ApiServerPlace, purpose: Purpose, end: (reason: Error) => void): () => void {
    const done = place.begin(purpose, this.#clock.monotonicMs(), end);
    if (this.count > 1) this.#lookSoon();
    return done;
  }

  heard(place: ApiServerPlace): void {
    place.heard(this.#clock.monotonicMs());
  }

  useCertificate(pair: ClientPair): void {
    for (const place of this.#places) place.useCertificate(pair);
  }

  /** Ends all connections; the next requests make new ones. */
  reconnect(): void {
    for (const place of this.#places) place.close();
  }

  close(): void {
    this.#cancelLook?.();
    for (const place of this.#places) place.close();
  }

  #lookSoon(): void {
    this.#cancelLook ??= this.#clock.after(lookMs, () => {
      this.#cancelLook = undefined;
      const nowMs = this.#clock.monotonicMs();
      for (const place of this.#places) {
        if (!place.isAsked && place.isSuspect(nowMs)) void this.#ask(place);
      }
      if (this.#places.some(({ isIdle }) => !isIdle)) this.#lookSoon();
    });
  }

  async #ask(suspect: ApiServerPlace): Promise<void> {
    suspect.isAsked = true;
    const others = this.#places.filter((place) => place !== suspect);
    const anotherIsThere = Promise.all(others.map((place) => place.answers(this.#clock)));
    const isThere = await suspect.answers(this.#clock);
    suspect.isAsked = false;
    if (isThere) suspect.heard(this.#clock.monotonicMs());
    else if ((await anotherIsThere).includes(true)) {
      this.moveOn(suspect);
      suspect.give(new SilentServerError(`${suspect.base.origin} does not answer, and another server does`));
    }
  }
}
