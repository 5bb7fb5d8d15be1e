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
import type { Etcd3, IRangeResponse, IRequestOp, ITxnRequest } from 'etcd3';
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
import { causeKeyOf, decodeEntry, encodeValue } from './envelope.ts';
import { createEtcdClient, type EtcdClientOptions } from './etcd-client.ts';
import { isLeaseGone, translateEtcdError } from './etcd-errors.ts';
import { LeaseBuckets } from './lease-buckets.ts';
import { watchEtcd } from './watch-etcd.ts';

export interface EtcdStoreOptions extends EtcdClientOptions {
  readonly clock: Clock;
}

/** How long one request may take; above etcd's own election timeout, so that a change of leader is waited for. */
const requestTimeoutMs = 10_000;

/** Tries of a read before it fails: each may go to another member. */
const readTries = 3;

/** Causes of deletions live longer than any history that the compactor leaves. */
const deletionCauseTtlMs = 600_000;

/** Connects lazily: an etcd that is not there yet shows as 'unavailable' on the first request. */
export function openEtcdStore(options: EtcdStoreOptions): Backend {
  return new EtcdStore(options);
}

class EtcdStore implements Backend {
  readonly isLocal = false;
  readonly #client: Etcd3;
  readonly #clock: Clock;
  readonly #leases: LeaseBuckets;
  readonly #end = new AbortController();

  constructor({ clock, ...options }: EtcdStoreOptions) {
    this.#client = createEtcdClient(options);
    this.#clock = clock;
    this.#leases = new LeaseBuckets(clock, async (ttlSeconds) => {
      const lease = await this.#client.leaseClient.leaseGrant({ TTL: ttlSeconds }, this.#deadline());
      return lease.ID;
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
    const stored = encodeValue(value, options.cause);
    const { ttlMs } = options;
    if (ttlMs === undefined) return this.#change(key, expected, [put(key, stored)], options.signal);
    return this.#withLease(ttlMs, (lease) => this.#change(key, expected, [put(key, stored, lease)], options.signal));
  }

  async remove(key: string, expected: Revision, options: Omit<WriteOptions, 'ttlMs'>): Promise<WriteResult> {
    if (expected === 0n) {
      const { entry } = await this.get(key, options);
      return { outcome: 'conflict', current: entry };
    }
    return this.#withLease(deletionCauseTtlMs, (lease) => {
      const deletion: IRequestOp = { request_delete_range: { key: Buffer.from(key) } };
      const cause = put(causeKeyOf(key), Buffer.from(options.cause), lease);
      return this.#change(key, expected, [deletion, cause], options.signal);
    });
  }

  watch(range: KeyRange, after: Revision, signal: AbortSignal): AsyncIterable<WatchBatch> {
    return watchEtcd(this.#client.watchClient, range, after, AbortSignal.any([signal, this.#end.signal]));
  }

  async compact(before: Revision, signal: AbortSignal): Promise<void> {
    try {
      await this.#request(() => this.#client.kv.compact({ revision: String(before) }, this.#deadline()), signal);
    } catch (error) {
      // Somebody else was first: what was asked for is the case.
      if (error instanceof StorageError && error.reason === 'compacted') return;
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#end.abort(new StorageError('unavailable', 'the store is closed'));
    this.#client.close();
  }

  async #read(request: Parameters<Etcd3['kv']['range']>[0], signal: AbortSignal): Promise<IRangeResponse> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#request(() => this.#client.kv.range(request, this.#deadline()), signal);
      } catch (error) {
        const isWorthRetrying = error instanceof StorageError && error.reason === 'unavailable';
        if (!isWorthRetrying || tries >= readTries) throw error;
      }
    }
  }

  /** Never tried twice: after a lost answer the second try would take the first one for a competitor. */
  async #change(key: string, expected: Revision, changes: IRequestOp[], signal: AbortSignal): Promise<WriteResult> {
    const bytes = Buffer.from(key);
    const request: ITxnRequest = {
      compare: [{ key: bytes, target: 'Mod', result: 'Equal', mod_revision: String(expected) }],
      success: changes,
      failure: [{ request_range: { key: bytes } }],
    };
    const response = await this.#request(() => this.#client.kv.txn(request, this.#deadline()), signal);
    if (response.succeeded) return { outcome: 'written', revision: BigInt(response.header.revision) };
    const found = response.responses[0]?.response_range.kvs[0];
    return { outcome: 'conflict', current: found && decodeEntry(found) };
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

  async #request<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    this.#end.signal.throwIfAborted();
    signal.throwIfAborted();
    try {
      return await raceAbort(work(), signal);
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
