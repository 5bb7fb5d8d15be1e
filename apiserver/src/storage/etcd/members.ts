/**
 * The members of an etcd, each with a connection of its own. All requests and watches go to one of them, the current one, until it fails
 * them; then to the next. So a client sees one server at a time, and what is known of it holds for all requests:
 *
 *   refused, connection lost      the next request goes to the next member
 *   silent                        found out by a heartbeat: a consistent read now and then. When it is not answered for a while and
 *                                 another member answers the same, the silent one is stopped or cut off from the others: everything that
 *                                 waits for it is ended with an error, which a read survives by going elsewhere
 *   leader changed                what was handed to the old leader may be lost, and then nobody answers it: it is ended a moment after
 *                                 the new term was seen
 *
 * With a single member there is nowhere to go, and nothing of this is done.
 */
import type { Clock } from '@slipway/kit/clock';
import type { Etcd3 } from 'etcd3';
import { StorageError } from '../backend.ts';
import { DirectCalls } from './direct-calls.ts';
import { createEtcdClient, type EtcdClientOptions, sessionOptions } from './etcd-client.ts';

/** Pause between two heartbeats; and after one that failed, which is how a change of leader shows. */
const beatMs = 200;
const beatAgainMs = 50;
/** A member that is silent for this long is compared with the others; above what a busy machine or a slow disk make of a read. */
const silenceMs = 1_000;
/** How long another member may take to prove that the cluster works without the silent one. */
const comparisonMs = 500;
/** After a change of leader: so long its answers to what was asked before are waited for. */
const termGraceMs = 250;
/** No heartbeat is waited for beyond this. */
const beatDeadlineMs = 10_000;
/** A member that failed is passed over for this time, while others do not fail. */
const restMs = 2_000;

/** Any key will do; no object has this one. */
const probeKey = Buffer.of(0);

export interface Member {
  readonly endpoint: string;
  readonly client: Etcd3;
  /** Aborts when the member is given up: what waits for it will get no answer. */
  readonly given: AbortSignal;
}

export interface MembersOptions extends EtcdClientOptions {
  readonly clock: Clock;
}

/** `direct` does the same as the client, faster, once it is connected. */
export type EtcdWork<T> = (client: Etcd3, direct: DirectCalls) => Promise<T>;

/** Somebody who waits for an answer, with the term in which they asked. */
interface Waiting {
  readonly term: bigint;
  readonly reject: (reason: StorageError) => void;
}

class Connection implements Member {
  readonly endpoint: string;
  readonly client: Etcd3;
  readonly #end = new AbortController();
  readonly #waiting = new Set<Waiting>();
  readonly #direct: DirectCalls;

  constructor(endpoint: string, options: Omit<MembersOptions, 'endpoints'>) {
    this.endpoint = endpoint;
    this.#direct = new DirectCalls({ endpoint, tls: sessionOptions(endpoint, options.tls), clock: options.clock });
    this.client = createEtcdClient({ ...options, endpoints: [endpoint] });
  }

  get given(): AbortSignal {
    return this.#end.signal;
  }

  get isGiven(): boolean {
    return this.#end.signal.aborted;
  }

  /** Settles as the work does, or rejects when no answer can be expected any more. */
  call<T>(work: EtcdWork<T>, term: bigint): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { term, reject };
      this.#waiting.add(waiting);
      work(this.client, this.#direct)
        .finally(() => this.#waiting.delete(waiting))
        .then(resolve, reject);
    });
  }

  /** Ends what was asked before this term. */
  endEarlierThan(newTerm: bigint): void {
    const reason = new StorageError('unavailable', `etcd: the leader changed before ${this.endpoint} answered`);
    for (const { term, reject } of this.#waiting) if (term < newTerm) reject(reason);
  }

  give(reason: string): void {
    const error = new StorageError('unavailable', `etcd: ${this.endpoint} ${reason}`);
    this.#end.abort(error);
    for (const { reject } of this.#waiting) reject(error);
    this.client.close();
    this.#direct.close();
  }
}

export class EtcdMembers {
  readonly #options: MembersOptions;
  readonly #connections: Connection[];
  readonly #restsUntilMs: number[];
  readonly #end = new AbortController();
  #current = 0;
  /** The newest term that any member told of. */
  #term = 0n;

  constructor(options: MembersOptions) {
    this.#options = options;
    this.#connections = options.endpoints.map((endpoint) => new Connection(endpoint, options));
    this.#restsUntilMs = options.endpoints.map(() => 0);
    if (options.endpoints.length > 1) void this.#beat();
  }

  get count(): number {
    return this.#connections.length;
  }

  current(): Member {
    return this.#connection(this.#current);
  }

  /** Calls the current member. Rejects with `StorageError` 'unavailable' when it will not answer any more. */
  call<T>(work: EtcdWork<T>): Promise<T> {
    return this.#connection(this.#current).call(work, this.#term);
  }

  /** The member failed somebody: others are asked from now on. Requests that it works on are not touched. */
  moveOn(member: Member = this.current()): void {
    const nowMs = this.#options.clock.monotonicMs();
    const index = this.#connections.indexOf(member as Connection);
    if (index >= 0) this.#restsUntilMs[index] = nowMs + restMs;
    if (index !== this.#current) return;
    for (let step = 1; step < this.count; step++) {
      const next = (index + step) % this.count;
      if ((this.#restsUntilMs[next] ?? 0) > nowMs) continue;
      this.#current = next;
      return;
    }
    this.#current = (index + 1) % this.count;
  }

  close(): void {
    this.#end.abort(new StorageError('unavailable', 'the store is closed'));
    for (const connection of this.#connections) connection.give('is not used any more: the store is closed');
  }

  /** The connection of a member, a new one when the last was given up. */
  #connection(index: number): Connection {
    const known = this.#connections[index];
    if (known && !known.isGiven) return known;
    this.#end.signal.throwIfAborted();
    const connection = new Connection(this.#options.endpoints[index] ?? '', this.#options);
    this.#connections[index] = connection;
    return connection;
  }

  async #beat(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#end.signal.aborted) {
      const isWell = await this.#beatOnce().catch((error: unknown) => {
        if (!this.#end.signal.aborted) throw error;
        return false;
      });
      await new Promise<void>((resolve) => void clock.after(isWell ? beatMs : beatAgainMs, resolve));
    }
  }

  async #beatOnce(): Promise<boolean> {
    const index = this.#current;
    const member = this.#connection(index);
    const answer = this.#probe(member, beatDeadlineMs).then(
      () => 'answered' as const,
      () => 'failed' as const,
    );
    let outcome: 'answered' | 'failed' | 'late' | 'others answered' = await Promise.race([
      answer,
      this.#after(silenceMs),
    ]);
    while (outcome === 'late' && !this.#end.signal.aborted) {
      outcome = await Promise.race([answer, this.#othersAnswer(index)]);
    }
    if (outcome === 'others answered') {
      this.moveOn(member);
      member.give(`did not answer for ${silenceMs} ms, and others do`);
    } else if (outcome === 'failed') this.moveOn(member);
    return outcome === 'answered';
  }

  /** Resolves after a moment as 'late' when no other member answers a consistent read. */
  async #othersAnswer(index: number): Promise<'others answered' | 'late'> {
    const others = this.#connections.map((_, i) => i).filter((i) => i !== index);
    const answers = others.map((i) => this.#probe(this.#connection(i), comparisonMs));
    return await Promise.any(answers).then(
      () => 'others answered' as const,
      () => this.#after(beatMs),
    );
  }

  async #probe(connection: Connection, deadlineMs: number): Promise<void> {
    const deadline = this.#options.clock.nowMs() + deadlineMs;
    const { header } = await connection.client.kv.range({ key: probeKey, count_only: true }, { deadline });
    const term = BigInt(header.raft_term);
    if (term <= this.#term) return;
    this.#term = term;
    this.#options.clock.after(termGraceMs, () => {
      for (const known of this.#connections) known.endEarlierThan(term);
    });
  }

  #after(ms: number): Promise<'late'> {
    return new Promise((resolve) => void this.#options.clock.after(ms, () => resolve('late')));
  }
}
