/**
 * Backup of an etcd: its keys in pages at one revision, while everybody goes on. Restore: etcd gives out revisions itself,
 * one for each write, so objects get their old ones back by writing them in the order of revisions and filling the gaps
 * between with writes of nothing. Where the etcd is beyond these revisions already, objects get new, higher ones.
 */
import type { Clock } from '@slipway/kit/clock';
import type { Etcd3, IKeyValue, IRequestOp } from 'etcd3';
import { type Revision, StorageError } from '../backend.ts';
import {
  type Dump,
  type DumpedEntry,
  privatePrefixes,
  type Restored,
  type RestoreOptions,
  type RestoreSource,
} from '../backup/dump.ts';
import { decodeEntry, encodeValue } from './envelope.ts';
import { createEtcdClient, type EtcdClientOptions } from './etcd-client.ts';
import { translateEtcdError } from './etcd-errors.ts';

export interface EtcdBackupOptions extends EtcdClientOptions {
  readonly clock: Clock;
}

const pageEntries = 500;
const requestTimeoutMs = 30_000;

/** Writes of nothing under way at once. */
const fillersMax = 128;

/** Entries whose lives end within the same span share a lease. */
const leaseSpanMs = 10_000;

/** Operations that etcd takes in one transaction, by default. */
const opsPerRevisionMax = 128;

const zero = Buffer.of(0);
const fillerKey = Buffer.from('/slipway-restore');

export async function dumpEtcd(options: EtcdBackupOptions, signal: AbortSignal): Promise<Dump> {
  const session = new Session(options);
  const revision = await session.revision().catch((error) => {
    session.close();
    throw error;
  });
  return { revision, entries: session.entriesAt(revision, signal), close: async () => session.close() };
}

/** Nobody else may write to the etcd meanwhile. Throws `StorageError` 'notEmpty' when it holds keys. */
export async function restoreEtcd(
  options: EtcdBackupOptions,
  source: RestoreSource,
  restore: RestoreOptions,
): Promise<Restored> {
  const session = new Session(options);
  try {
    if (restore.replace) await session.clear();
    else if (!(await session.isEmpty())) throw new StorageError('notEmpty', 'the etcd is not empty');
    return await new Replay(session, source, restore).run();
  } finally {
    session.close();
  }
}

class Session {
  readonly #client: Etcd3;
  readonly #clock: Clock;
  readonly #leaseEnds = new Map<string, number>();
  readonly #leases = new Map<number, string>();

  constructor({ clock, ...options }: EtcdBackupOptions) {
    this.#client = createEtcdClient(options);
    this.#clock = clock;
  }

  close(): void {
    this.#client.close();
  }

  async revision(): Promise<Revision> {
    const response = await this.#call((options) => this.#client.kv.range({ key: zero, count_only: true }, options));
    return BigInt(response.header.revision);
  }

  async isEmpty(): Promise<boolean> {
    const request = { key: zero, range_end: zero, count_only: true };
    return (await this.#call((options) => this.#client.kv.range(request, options))).count === '0';
  }

  async clear(): Promise<void> {
    await this.#call((options) => this.#client.kv.deleteRange({ key: zero, range_end: zero }, options));
  }

  async *entriesAt(revision: Revision, signal: AbortSignal): AsyncGenerator<DumpedEntry> {
    for (let from = zero; ; ) {
      signal.throwIfAborted();
      const request = { key: from, range_end: zero, limit: pageEntries, revision: String(revision) };
      const { kvs, more } = await this.#call((options) => this.#client.kv.range(request, options));
      for (const found of kvs) {
        const entry = decodeEntry(found);
        if (!privatePrefixes.some((prefix) => entry.key.startsWith(prefix))) {
          yield { ...entry, expiresAtMs: await this.#endOf(found) };
        }
      }
      const last = kvs.at(-1);
      if (!more || !last) return;
      from = Buffer.concat([last.key, zero]);
    }
  }

  async #endOf({ lease }: IKeyValue): Promise<number | undefined> {
    if (lease === '0') return undefined;
    const known = this.#leaseEnds.get(lease);
    if (known !== undefined) return known;
    const found = await this.#call((options) => this.#client.leaseClient.leaseTimeToLive({ ID: lease }, options));
    // A lease that is over has -1: what hung on it at the revision of the backup is about to go.
    const endMs = this.#clock.nowMs() + Math.max(Number(found.TTL), 0) * 1_000;
    this.#leaseEnds.set(lease, endMs);
    return endMs;
  }

  async leaseUntil(endMs: number): Promise<string> {
    const span = Math.ceil(endMs / leaseSpanMs);
    const known = this.#leases.get(span);
    if (known) return known;
    const seconds = Math.max(Math.ceil((span * leaseSpanMs - this.#clock.nowMs()) / 1_000), 1);
    const granted = await this.#call((options) => this.#client.leaseClient.leaseGrant({ TTL: seconds }, options));
    this.#leases.set(span, granted.ID);
    return granted.ID;
  }

  /** Writes at one revision, which is answered. */
  async write(ops: readonly IRequestOp[]): Promise<Revision> {
    const response = await this.#call((options) => this.#client.kv.txn({ success: [...ops] }, options));
    return BigInt(response.header.revision);
  }

  async compact(revision: Revision): Promise<void> {
    await this.#call((options) => this.#client.kv.compact({ revision: String(revision) }, options));
  }

  async #call<T>(work: (options: { deadline: number }) => Promise<T>): Promise<T> {
    try {
      return await work({ deadline: this.#clock.nowMs() + requestTimeoutMs });
    } catch (error) {
      throw translateEtcdError(error);
    }
  }
}

/** What is written at one revision. An entry that was updated since it was created needs a write at both revisions. */
interface Step {
  readonly revision: number;
  readonly place: number;
  readonly isPlaceholder: boolean;
}

class Replay {
  readonly #session: Session;
  readonly #source: RestoreSource;
  readonly #options: RestoreOptions;
  #head = 0n;

  constructor(session: Session, source: RestoreSource, options: RestoreOptions) {
    this.#session = session;
    this.#source = source;
    this.#options = options;
  }

  async run(): Promise<Restored> {
    const steps = stepsOf(this.#source);
    this.#head = await this.#session.revision();
    const keepsRevisions = this.#head < BigInt(steps[0]?.revision ?? Number.MAX_SAFE_INTEGER);
    if (keepsRevisions) await this.#writeAtRevisions(steps);
    else await this.#writeAbove();
    await this.#fillTo(this.#source.revision + this.#options.bump);
    // The last revision takes the filler away; it is also where the history begins.
    await this.#session.write([fill]);
    this.#head = await this.#session.write([{ request_delete_range: { key: fillerKey } }]);
    await this.#session.compact(this.#head);
    return { revision: this.#head, keepsRevisions };
  }

  async #writeAtRevisions(steps: readonly Step[]): Promise<void> {
    for (let first = 0; first < steps.length; ) {
      const revision = steps[first]?.revision ?? 0;
      let end = first;
      while (steps[end]?.revision === revision) end++;
      const group = steps.slice(first, end);
      if (group.length > opsPerRevisionMax) {
        throw new StorageError(
          'unavailable',
          `${group.length} keys share revision ${revision}: more than etcd takes at once`,
        );
      }
      await this.#fillTo(BigInt(revision) - 1n);
      const ops: IRequestOp[] = [];
      for (const step of group) ops.push(await this.#opOf(step));
      await this.#write(ops, BigInt(revision));
      first = end;
    }
  }

  /** The etcd has given out some of the backup's revisions already: first beyond all of them, then new ones. */
  async #writeAbove(): Promise<void> {
    await this.#fillTo(this.#source.revision);
    for await (const entry of this.#source.entries(this.#options.signal)) {
      await this.#write([await this.#put(entry)], this.#head + 1n);
    }
  }

  async #opOf({ place, isPlaceholder }: Step): Promise<IRequestOp> {
    const entry = await this.#source.entryAt(place);
    if (isPlaceholder) return { request_put: { key: Buffer.from(entry.key), value: Buffer.alloc(0) } };
    return this.#put(entry);
  }

  async #put(entry: DumpedEntry): Promise<IRequestOp> {
    const value = entry.cause === undefined ? Buffer.from(entry.value) : encodeValue(entry.value, entry.cause);
    const lease = entry.expiresAtMs === undefined ? {} : { lease: await this.#session.leaseUntil(entry.expiresAtMs) };
    return { request_put: { key: Buffer.from(entry.key), value, ...lease } };
  }

  async #write(ops: readonly IRequestOp[], expected: Revision): Promise<void> {
    this.#options.signal.throwIfAborted();
    this.#head = await this.#session.write(ops);
    if (this.#head !== expected) throw disturbed();
  }

  /** Every filler takes one revision; their order does not matter. */
  async #fillTo(revision: Revision): Promise<void> {
    let left = Number(revision - this.#head);
    if (left <= 0) return;
    const worker = async () => {
      while (left > 0) {
        this.#options.signal.throwIfAborted();
        left--;
        const reached = await this.#session.write([fill]);
        if (reached > revision) throw disturbed();
      }
    };
    await Promise.all(Array.from({ length: Math.min(fillersMax, left) }, worker));
    this.#head = revision;
  }
}

const fill: IRequestOp = { request_put: { key: fillerKey, value: Buffer.alloc(0) } };

function disturbed(): StorageError {
  return new StorageError(
    'unavailable',
    'somebody else writes to this etcd: stop what uses it, then restore with --force',
  );
}

/** In the order of revisions. */
function stepsOf({ places }: RestoreSource): Step[] {
  const steps: Step[] = [];
  for (let place = 0; place < places.count; place++) {
    const [created = 0, modified = 0] = [places.createRevisions[place], places.modRevisions[place]];
    if (created !== modified) steps.push({ revision: created, place, isPlaceholder: true });
    steps.push({ revision: modified, place, isPlaceholder: false });
  }
  return steps.sort((a, b) => a.revision - b.revision);
}
