/** Lease: grant, revoke, keep alive, time to live, all leases. */
import type { Random } from '@slipway/kit/random';
import type { EmbeddedStore } from '../embedded/embedded-store.ts';
import { leasesMax } from '../embedded/leases.ts';
import type { Headers } from './headers.ts';
import type { Header, Int64 } from './messages.ts';
import { rpcError } from './rpc-errors.ts';

/** etcd's bounds: its shortest lease lives through one and a half elections. */
const ttlSecondsMin = 2;
const ttlSecondsMax = 9_000_000_000;

interface LeaseId {
  readonly ID: string;
}

export class LeaseService {
  readonly #store: EmbeddedStore;
  readonly #headers: Headers;
  readonly #random: Random;

  constructor(store: EmbeddedStore, headers: Headers, random: Random) {
    this.#store = store;
    this.#headers = headers;
    this.#random = random;
  }

  async grant({ ID, TTL }: LeaseId & { readonly TTL: string }): Promise<{ header: Header; ID: Int64; TTL: Int64 }> {
    if (Number(TTL) > ttlSecondsMax) throw rpcError('leaseTtlTooLarge');
    if (this.#store.leases.size >= leasesMax) throw rpcError('tooManyRequests');
    const id = ID === '0' ? this.#freeId() : BigInt(ID);
    if (this.#store.leases.get(id)) throw rpcError('leaseExists');
    const ttlSeconds = Math.max(Number(TTL), ttlSecondsMin);
    await this.#store.grantLease(id, ttlSeconds);
    return { header: this.#header(), ID: String(id), TTL: ttlSeconds };
  }

  async revoke({ ID }: LeaseId): Promise<{ header: Header }> {
    const id = BigInt(ID);
    if (!this.#store.leases.get(id)) throw rpcError('leaseNotFound');
    return { header: this.#headers.at(await this.#store.revokeLease(id)) };
  }

  keepAlive({ ID }: LeaseId): { header: Header; ID: Int64; TTL: Int64 } {
    const lease = this.#store.leases.get(BigInt(ID));
    if (lease) this.#store.leases.start(lease.id, lease.ttlSeconds);
    return { header: this.#header(), ID, TTL: lease?.ttlSeconds ?? 0 };
  }

  async timeToLive({ ID, keys }: LeaseId & { readonly keys: boolean }): Promise<object> {
    const lease = this.#store.leases.get(BigInt(ID));
    if (!lease) return { header: this.#header(), ID, TTL: -1, grantedTTL: 0, keys: [] };
    return {
      header: this.#header(),
      ID,
      TTL: this.#store.leases.remainingSeconds(lease),
      grantedTTL: lease.ttlSeconds,
      keys: keys ? Array.from(this.#store.tables.keysOfLease(lease.id), (key) => Buffer.from(key)) : [],
    };
  }

  async leases(): Promise<object> {
    return { header: this.#header(), leases: this.#store.leases.all().map(({ id }) => ({ ID: String(id) })) };
  }

  #freeId(): bigint {
    for (;;) {
      const id = BigInt.asUintN(63, this.#random.bytes(8).readBigUInt64BE());
      if (id !== 0n && !this.#store.leases.get(id)) return id;
    }
  }

  #header(): Header {
    return this.#headers.at(this.#store.head);
  }
}
