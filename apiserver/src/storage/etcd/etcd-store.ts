/**
 * The waist over etcd's v3 API. An etcd of Slipway's own: a watch follows all of its keys, so that every revision of
 * the store is seen even when nothing changed in the range that was asked for.
 *
 *     KEY                  value, newline, cause (JSON, so without a newline): the first part is what etcdctl users look for
 *     /slipway-causes KEY  the cause of the last deletion of KEY, written in the same transaction; vanishes by itself
 *
 * What etcd deletes because its time is over has no such cause; it gets one here.
 */
import { raceAbort } from '@slipway/kit/abort';
import type { Clock } from '@slipway/kit/clock';
import type { Etcd3, IRangeRequest, IRangeResponse, IRequestOp, ITxnRequest, ITxnResponse } from 'etcd3';
import {
  type Backend,
  type Entry,
  type KeyRange,
  type Page,
  type Revision,
  StorageError,
  type WatchBatch,
  type WriteOptions,
  type WriteResult,
} from '../backend.ts';
import { causeKeyOf, decodeEntry, encodeValue, marked } from './envelope.ts';
import type { EtcdClientOptions } from './etcd-client.ts';
import { isLeaseGone, isRefused, isUnsent, translateEtcdError, unknownOutcome } from './etcd-errors.ts';
import { FencedWrites, read, resultOf, unchanged } from './fenced-writes.ts';
import { LeaseBuckets } from './lease-buckets.ts';
import { EtcdMembers, type EtcdWork } from './members.ts';
import { watchEtcd } from './watch-etcd.ts';

export interface EtcdStoreOptions extends EtcdClientOptions {
  readonly clock: Clock;
}

/** How long one request may take; above etcd's own election timeout, so that a change of leader is waited for. */
const requestTimeoutMs = 10_000;

/** Tries of a read before it fails, at least. */
const readTries = 3;

/** With several members what is safe to try again is tried for this long: a change of leader takes one to two seconds. */
const retryForMs = 3_000;
const retryPauseMs = 50;

/** Causes of deletions live longer than any history that the compactor leaves. */
const deletionCauseTtlMs = 600_000;

/** Connects lazily: an etcd that is not there yet shows as 'unavailable' on the first request. */
export function openEtcdStore(options: EtcdStoreOptions): Backend {
  return new EtcdStore(options);
}

class EtcdStore implements Backend {
  readonly isLocal = false;
  readonly #members: EtcdMembers;
  readonly #clock: Clock;
  readonly #leases: LeaseBuckets;
  readonly #fenced: FencedWrites;
  readonly #end = new AbortController();

  constructor(options: EtcdStoreOptions) {
    const { clock } = options;
    this.#members = new EtcdMembers(options);
    this.#clock = clock;
    // A lease granted twice is one that nobody uses.
    const grant = async (ttlSeconds: number) => {
      const work = (client: Etcd3) => client.leaseClient.leaseGrant({ TTL: ttlSeconds }, this.#deadline());
      return (await this.#repeatable(work, this.#end.signal)).ID;
    };
    this.#leases = new LeaseBuckets(clock, grant);
    this.#fenced = new FencedWrites({
      clock,
      send: (request, signal) => this.#send(request, signal),
      range: (request, signal) => this.#read(request, signal),
      grant,
      put: async (fenceKey, lease) => {
        const request = { key: Buffer.from(fenceKey), value: Buffer.alloc(0), lease };
        const answer = await this.#repeatable((client) => client.kv.put(request, this.#deadline()), this.#end.signal);
        return BigInt(answer.header.revision);
      },
    });
  }

  async get(
    key: string,
    { at, signal }: { readonly at?: Revision; readonly signal: AbortSignal },
  ): Promise<{ readonly revision: Revision; readonly entry: Entry | undefined }> {
    const revision = at === undefined ? {} : { revision: String(at) };
    const response = await this.#read({ key: Buffer.from(key), ...revision }, signal);
    const found = response.kvs[0];
    return { revision: at ?? BigInt(response.header.revision), entry: found && decodeEntry(found) };
  }

  async list(
    range: KeyRange,
    { at, limit, signal }: { readonly at?: Revision; readonly limit: number; readonly signal: AbortSignal },
  ): Promise<Page> {
    if (range.from >= range.to)
      return { revision: at ?? (await this.get('/', { signal })).revision, entries: [], remaining: 0 };
    const bounds = { key: Buffer.from(range.from || '\0'), range_end: Buffer.from(range.to) };
    const revision = at === undefined ? {} : { revision: String(at) };
    const response = await this.#read({ ...bounds, limit, ...revision }, signal);
    const entries = response.kvs.map((found) => decodeEntry(found));
    const remaining = Number(response.count) - entries.length;
    return { revision: at ?? BigInt(response.header.revision), entries, remaining };
  }

  async write(key: string, value: Uint8Array, expected: Revision, options: WriteOptions): Promise<WriteResult> {
    const { ttlMs, cause, signal } = options;
    const change = (lease?: string) =>
      this.#change(key, expected, (mark) => [put(key, encodeValue(value, cause, mark), lease)], signal);
    return ttlMs === undefined ? change() : this.#withLease(ttlMs, change);
  }

  async remove(key: string, expected: Revision, options: Omit<WriteOptions, 'ttlMs'>): Promise<WriteResult> {
    if (expected === 0n) {
      const { entry } = await this.get(key, options);
      return { outcome: 'conflict', current: entry };
    }
    return this.#withLease(deletionCauseTtlMs, (lease) => {
      const deletion: IRequestOp = { request_delete_range: { key: Buffer.from(key) } };
      const cause = (mark?: string) => put(causeKeyOf(key), Buffer.from(marked(options.cause, mark)), lease);
      return this.#change(key, expected, (mark) => [deletion, cause(mark)], options.signal);
    });
  }

  watch(range: KeyRange, after: Revision, signal: AbortSignal): AsyncIterable<WatchBatch> {
    return watchEtcd(this.#members, range, after, AbortSignal.any([signal, this.#end.signal]));
  }

  async loaded(): Promise<void> {} // what was read is in the members' memory, not in ours

  async compact(before: Revision, signal: AbortSignal): Promise<void> {
    try {
      await this.#repeatable((client) => client.kv.compact({ revision: String(before) }, this.#deadline()), signal);
    } catch (error) {
      // Somebody else was first: what was asked for is the case.
      if (error instanceof StorageError && error.reason === 'compacted') return;
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#end.abort(new StorageError('unavailable', 'the store is closed'));
    this.#members.close();
  }

  #read(request: IRangeRequest, signal: AbortSignal): Promise<IRangeResponse> {
    return this.#repeatable((client) => client.kv.range(request, this.#deadline()), signal);
  }

  /** For what does no harm when it is done twice. */
  #repeatable<T>(work: (client: Etcd3) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#trying(work, signal, () => readTries);
  }

  async #change(
    key: string,
    expected: Revision,
    changesOf: (mark?: string) => IRequestOp[],
    signal: AbortSignal,
  ): Promise<WriteResult> {
    if (this.#members.count > 1) return this.#fenced.change(key, expected, changesOf, signal);
    const response = await this.#send(
      { compare: [unchanged(key, expected)], success: changesOf(), failure: [read(key)] },
      signal,
    );
    return resultOf(response);
  }

  /**
   * Tried again only when it was certainly not carried out: after a lost answer a second try would take the first one for a competitor.
   * Throws `StorageError` 'unknownOutcome' then.
   */
  #send(request: ITxnRequest, signal: AbortSignal): Promise<ITxnResponse> {
    const work: EtcdWork<ITxnResponse> = (client, direct) =>
      direct.txn(request, requestTimeoutMs) ?? client.kv.txn(request, this.#deadline());
    return this.#trying(work, signal, (error) => {
      if (isUnsent(error)) return 1;
      throw isRefused(error) ? error : unknownOutcome(error);
    });
  }

  /** `triesOf` says how often an etcd of one member is asked after such an error, or throws when it must not be asked again. */
  async #trying<T>(work: EtcdWork<T>, signal: AbortSignal, triesOf: (error: unknown) => number): Promise<T> {
    const untilMs = this.#clock.monotonicMs() + (this.#members.count > 1 ? retryForMs : 0);
    for (let tries = 1; ; tries++) {
      const member = this.#members.current();
      try {
        return await this.#request(work, signal);
      } catch (error) {
        if (!(error instanceof StorageError) || error.reason !== 'unavailable' || this.#end.signal.aborted) throw error;
        this.#members.moveOn(member);
        if (tries >= triesOf(error) && this.#clock.monotonicMs() >= untilMs) throw error;
      }
      if (tries >= this.#members.count) await this.#clock.sleep(retryPauseMs, signal);
    }
  }

  async #withLease<T>(ttlMs: number, work: (lease: string) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await work(await this.#leases.lease(ttlMs));
      } catch (error) {
        if (tries > 1 || !isLeaseGone(error)) throw translateEtcdError(error);
        this.#leases.forget(ttlMs); // revoked by someone, or expired while this process was stopped
      }
    }
  }

  async #request<T>(work: EtcdWork<T>, signal: AbortSignal): Promise<T> {
    this.#end.signal.throwIfAborted();
    signal.throwIfAborted();
    try {
      return await raceAbort(this.#members.call(work), signal);
    } catch (error) {
      signal.throwIfAborted();
      throw isLeaseGone(error) ? error : translateEtcdError(error);
    }
  }

  #deadline(): { deadline: number } {
    return { deadline: this.#clock.nowMs() + requestTimeoutMs };
  }
}

function put(key: string, value: Buffer, lease?: string): IRequestOp {
  return { request_put: { key: Buffer.from(key), value, ...(lease === undefined ? {} : { lease }) } };
}
