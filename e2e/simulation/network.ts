/**
 * The network between the processes of the simulated cluster and its API server. Messages that are under way outlive who
 * sent them; what a process is told after its death it does not hear.
 */
import type { ApiRequest, Transport, WatchEvent, WatchRequest } from '@slipway/api/transport';
import { StatusError } from '@slipway/api/status-error';
import type { KubeObject } from '@slipway/api/types';
import { AsyncQueue } from '@slipway/kit/async-queue';
import type { UserInfo } from '@slipway/apiserver';
import type { VirtualClock } from '@slipway/kit/virtual-clock';
import type { Acknowledged } from './acknowledged.ts';
import type { Chance } from './chance.ts';
import type { EventLog } from './event-log.ts';
import { describeRequest, isWrite } from './describe-request.ts';
import type { SimulatedProcess } from './process.ts';

/** Chances, 0 to 1, and bounds of delays in milliseconds. */
export interface NetworkFaults {
  /** Gone before it arrives. */
  readonly requestLost: number;
  /** Done, and nobody is told. */
  readonly answerLost: number;
  /** Delivered twice, the second time later. Only what may be sent again by any proxy. */
  readonly repeated: number;
  readonly late: number;
  readonly latenessMsMax: number;
  readonly watchLate: number;
  readonly watchLatenessMsMax: number;
  /** Refused because the server has too much to do. */
  readonly tooMany: number;
}

export const noNetworkFaults: NetworkFaults = {
  requestLost: 0,
  answerLost: 0,
  repeated: 0,
  late: 0,
  latenessMsMax: 0,
  watchLate: 0,
  watchLatenessMsMax: 0,
  tooMany: 0,
};

/** The API server as its clients see it. Dies once. */
export class ServerEnd {
  readonly #transport: (user: UserInfo) => Transport;
  readonly #connections = new Set<(error: Error) => void>();
  #isDead = false;
  /** Its own, so that what listens to it goes with it. */
  readonly #signal = new AbortController().signal;

  constructor(transport: (user: UserInfo) => Transport) {
    this.#transport = transport;
  }

  send(user: UserInfo, request: ApiRequest): Promise<unknown> {
    if (this.#isDead) return Promise.reject(refused());
    return new Promise((resolve, reject) => {
      this.#connections.add(reject);
      this.#transport(user)
        .send(request, this.#signal)
        .then(resolve, reject)
        .finally(() => this.#connections.delete(reject));
    });
  }

  watch(user: UserInfo, request: WatchRequest, signal: AbortSignal): AsyncIterable<readonly WatchEvent[]> {
    if (this.#isDead) throw refused();
    return this.#transport(user).watch(request, signal);
  }

  /** Told when the connection breaks; returns how to hang up. */
  connected(broken: (error: Error) => void): () => void {
    this.#connections.add(broken);
    return () => this.#connections.delete(broken);
  }

  die(): void {
    this.#isDead = true;
    const broken = [...this.#connections];
    this.#connections.clear();
    for (const each of broken) each(reset());
  }
}

export interface NetworkDeps {
  readonly clock: VirtualClock;
  readonly chance: Chance;
  readonly log: EventLog;
  readonly acknowledged: Acknowledged;
}

/** A watch has at most this many batches under way. */
const batchesMax = 100_000;
/** How long a client waits for a connection that says nothing. */
const silenceMsMax = 30_000;

export class Network {
  readonly #deps: NetworkDeps;
  faults: NetworkFaults = noNetworkFaults;
  server: ServerEnd | undefined;
  readonly #watches = new Set<(error: Error) => void>();

  constructor(deps: NetworkDeps) {
    this.#deps = deps;
  }

  /** How a process reaches the API server as a user. */
  connect(process: SimulatedProcess, user: UserInfo): Transport {
    return {
      send: (request, signal) => this.#send(process, user, request, signal),
      watch: (request, signal) => this.#watch(process, user, request, signal),
    };
  }

  /** Breaks each watch with the given chance. */
  cutWatches(share: number): number {
    const { chance } = this.#deps;
    const cut = [...this.#watches].filter(() => chance.strikes(share));
    for (const each of cut) each(reset());
    return cut.length;
  }

  #send(process: SimulatedProcess, user: UserInfo, request: ApiRequest, signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      const told = (tell: () => void) => {
        signal.removeEventListener('abort', onAbort);
        if (process.isAlive) tell();
      };
      this.#exchange(process, user, request).then(
        (answer) =>
          told(() => {
            if (isWrite(request) && !signal.aborted) this.#deps.acknowledged.add(process.name, request, answer);
            resolve(answer);
          }),
        (error: unknown) => told(() => reject(error)),
      );
    });
  }

  async #exchange(process: SimulatedProcess, user: UserInfo, request: ApiRequest): Promise<unknown> {
    const { chance, log, acknowledged } = this.#deps;
    const { faults } = this;
    acknowledged.asked(process, request);
    await this.#travel(process, chance.strikes(faults.late) ? chance.between(1, faults.latenessMsMax) : 0);
    if (chance.strikes(faults.requestLost)) {
      log.write(process.name, `lost       ${describeRequest(request)}`);
      await this.#silence();
      throw reset();
    }
    if (chance.strikes(faults.tooMany))
      throw new StatusError('TooManyRequests', 'too many requests, please try again later');
    const { server } = this;
    if (!server) throw refused();
    if (maySendAgain(request) && chance.strikes(faults.repeated)) this.#repeat(process, user, request);
    const answer = await this.#answered(server, process, user, request);
    await this.#travel(process, chance.strikes(faults.late) ? chance.between(1, faults.latenessMsMax) : 0);
    if (chance.strikes(faults.answerLost)) {
      log.write(process.name, `unanswered ${describeRequest(request)}`);
      await this.#silence();
      throw reset();
    }
    return answer;
  }

  async #answered(server: ServerEnd, process: SimulatedProcess, user: UserInfo, request: ApiRequest): Promise<unknown> {
    const { log } = this.#deps;
    if (!isWrite(request)) return server.send(user, request);
    try {
      const answer = await server.send(user, request);
      log.write(process.name, `${describeRequest(request)} -> ${revisionIn(answer)}`);
      return answer;
    } catch (error) {
      log.write(
        process.name,
        `${describeRequest(request)} -> ${error instanceof StatusError ? error.reason : 'broken'}`,
      );
      throw error;
    }
  }

  #repeat(process: SimulatedProcess, user: UserInfo, request: ApiRequest): void {
    const { clock, chance, log } = this.#deps;
    clock.after(chance.between(0, 5_000), () => {
      log.write(process.name, `again      ${describeRequest(request)}`);
      this.server?.send(user, request).catch(() => {});
    });
  }

  async #travel(process: SimulatedProcess, ms: number): Promise<void> {
    const { clock } = this.#deps;
    if (ms > 0) await pause(clock, ms);
    if (!process.isPartitioned) return;
    await this.#silence();
    throw reset();
  }

  /** Whoever lost a connection learns of it at once or much later. */
  async #silence(): Promise<void> {
    const { clock, chance } = this.#deps;
    if (chance.strikes(0.5)) await pause(clock, chance.between(1, silenceMsMax));
  }

  async *#watch(
    process: SimulatedProcess,
    user: UserInfo,
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncGenerator<readonly WatchEvent[], void, void> {
    signal.throwIfAborted();
    await this.#travel(process, 0);
    const { server } = this;
    if (!server) throw refused();
    const queue = new AsyncQueue<readonly WatchEvent[]>(batchesMax);
    const serverSide = new AbortController();
    const broken = (error: unknown) => {
      queue.end(error);
      serverSide.abort();
    };
    const onAbort = () => broken(signal.reason);
    const hangUps = [server.connected(broken), process.onKilled(() => serverSide.abort())];
    signal.addEventListener('abort', onAbort, { once: true });
    this.#watches.add(broken);
    void this.#pump(process, server.watch(user, request, serverSide.signal), queue);
    try {
      for await (const events of queue) {
        if (!process.isAlive) await new Promise<never>(() => {});
        yield events;
      }
    } finally {
      this.#watches.delete(broken);
      signal.removeEventListener('abort', onAbort);
      for (const hangUp of hangUps) hangUp();
      serverSide.abort();
    }
  }

  async #pump(
    process: SimulatedProcess,
    batches: AsyncIterable<readonly WatchEvent[]>,
    queue: AsyncQueue<readonly WatchEvent[]>,
  ): Promise<void> {
    const { clock, chance } = this.#deps;
    try {
      for await (const batch of batches) {
        if (!process.isAlive) return;
        if (chance.strikes(this.faults.watchLate)) {
          await pause(clock, chance.between(1, this.faults.watchLatenessMsMax));
        }
        while (process.isPartitioned) await pause(clock, 1_000);
        queue.push(batch, reset);
      }
      queue.end();
    } catch (error) {
      queue.end(error);
    }
  }
}

/**
 * A create without a name makes another object each time; nobody sends that again unasked. Nor one whose sender has chosen the name: once
 * the object is deleted, it would come back.
 */
function maySendAgain({ verb, body }: ApiRequest): boolean {
  if (verb !== 'create') return true;
  const { metadata } = body as { readonly metadata?: KubeObject['metadata'] };
  return metadata?.name !== undefined && metadata.generateName === undefined;
}

function revisionIn(answer: unknown): string {
  const { metadata } = (answer ?? {}) as { readonly metadata?: { readonly resourceVersion?: string } };
  return metadata?.resourceVersion ?? 'ok';
}

function refused(): Error {
  return new Error('connect: connection refused');
}

function reset(): Error {
  return new Error('read: connection reset by peer');
}

function pause(clock: VirtualClock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
