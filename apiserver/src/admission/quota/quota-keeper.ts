/**
 * Takes what a write uses from the quotas of its namespace, so that two writes never both take the last unit.
 *
 * What is used stands in the quota's status and is written conditionally, on the version that was looked at: that alone keeps several API
 * servers from overbooking. In one server the requests of a namespace wait in one line, and all that wait are charged by one write per quota.
 *
 * A charge is made before the object is stored. When the object is not stored after all, the charge is given back; what gets lost between
 * (a server that dies) the quota controller finds when it counts.
 */
import { tryParseQuantity } from '@slipway/api/quantity';
import { addUsage, only, type Usage, usageRecord, usageText } from '@slipway/api/quota/usage';
import { amountsOf } from '@slipway/api/pod-resources';
import { StatusError } from '@slipway/api/status-error';
import type { ResourceQuota } from '@slipway/api/types';
import { subtractQuantities, type Quantity } from '@slipway/api/quantity';
import { resourcePrefix } from '../../registry/resource-context.ts';
import type { ObjectStore, StoredObject } from '../../storage/object-store.ts';

/** Lost races against other servers before the client hears of it. */
const lostRacesMax = 50;
/** Writes that may wait for one namespace's quotas. */
const waitingMax = 10_000;

export interface Charge {
  readonly namespace: string;
  /** The quota is about this object, and the object says what the quota needs. Throws StatusError when it does not say it. */
  concerns(quota: ResourceQuota): boolean;
  readonly usage: Usage;
  /** Only looks whether there is room. */
  readonly dryRun: boolean;
  refuse(reason: string): StatusError;
}

interface Waiting {
  readonly charge: Charge;
  /** Quotas, by their uid, that this charge has been written to. */
  readonly charged: Set<string>;
  readonly done: PromiseWithResolvers<void>;
}

export class QuotaKeeper {
  readonly #objects: ObjectStore;
  readonly #lines = new Map<string, Waiting[]>();

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  /** Answers the uids of the quotas that have taken the charge. Throws StatusError Forbidden when one of them is full. */
  async take(charge: Charge): Promise<ReadonlySet<string>> {
    const waiting: Waiting = { charge, charged: new Set(), done: Promise.withResolvers() };
    const line = this.#lines.get(charge.namespace);
    if (!line) {
      const own = [waiting];
      this.#lines.set(charge.namespace, own);
      void this.#work(charge.namespace, own);
    } else {
      if (line.length >= waitingMax) {
        const details = { retryAfterSeconds: 1 };
        throw new StatusError('TooManyRequests', 'too many writes wait for the quotas of the namespace', { details });
      }
      line.push(waiting);
    }
    await waiting.done.promise;
    return waiting.charged;
  }

  /** Of a write that was charged and is not stored. */
  async giveBack(namespace: string, usage: Usage, charged: ReadonlySet<string>): Promise<void> {
    for (const stored of this.#quotas(namespace)) {
      if (!charged.has(stored.object.metadata.uid ?? '')) continue;
      let current: StoredObject | undefined = stored;
      for (let attempt = 0; current && attempt < lostRacesMax; attempt++) {
        const less = reduced(current.object as ResourceQuota, usage);
        if (!less) break;
        const result = await this.#write(current, less);
        if (result.outcome === 'written') break;
        current = result.current;
      }
    }
  }

  /** Until nobody waits any more. */
  async #work(namespace: string, line: Waiting[]): Promise<void> {
    /** Versions that the cache may not show yet; undefined: the quota is gone. */
    const newer = new Map<string, StoredObject | undefined>();
    while (line.length > 0) {
      const batch = line.splice(0);
      try {
        await this.#charge(namespace, batch, newer);
      } catch (error) {
        for (const { done } of batch) done.reject(error);
      }
    }
    this.#lines.delete(namespace);
  }

  async #charge(
    namespace: string,
    batch: readonly Waiting[],
    newer: Map<string, StoredObject | undefined>,
  ): Promise<void> {
    let open = batch;
    for (let attempt = 0; open.length > 0; attempt++) {
      if (attempt === lostRacesMax) throw new StatusError('Conflict', `the quotas of ${namespace} change all the time`);
      const quotas = this.#quotas(namespace).flatMap((stored) => {
        const known = newer.has(stored.key) ? newer.get(stored.key) : stored;
        if (!known) return [];
        return known.modRevision > stored.modRevision ? [known] : [stored];
      });
      const books = quotas.map((stored) => new Book(stored));
      open = open.filter((waiting) => fits(waiting, books));
      const lost = await this.#writeAll(books, newer);
      const settled = open.filter(({ charged, charge }) => charge.dryRun || !lost.some((uid) => charged.has(uid)));
      for (const { charged } of open) for (const uid of lost) charged.delete(uid);
      for (const { done } of settled) done.resolve();
      open = open.filter((waiting) => !settled.includes(waiting));
    }
  }

  /** Answers the uids of quotas that somebody else has changed meanwhile. */
  async #writeAll(books: readonly Book[], newer: Map<string, StoredObject | undefined>): Promise<string[]> {
    const changed = books.filter(({ isChanged }) => isChanged);
    const results = await Promise.all(changed.map((book) => this.#write(book.stored, book.used)));
    return results.flatMap((result, i) => {
      const book = changed[i];
      if (!book) return [];
      newer.set(book.stored.key, result.outcome === 'written' ? result.stored : result.current);
      return result.outcome === 'written' ? [] : [book.uid];
    });
  }

  #write(stored: StoredObject, used: Usage) {
    const quota = stored.object as ResourceQuota;
    const status = { ...quota.status, used: { ...quota.status?.used, ...usageRecord(used) } };
    const { resourceVersion: _, ...metadata } = quota.metadata;
    const cause = { user: 'system:apiserver', verb: 'update', controller: 'resource-quota-admission' };
    // A charge that is half done is finished even when its client has gone.
    const { signal } = new AbortController();
    return this.#objects.update(stored.key, { ...quota, metadata, status } as ResourceQuota, stored, { signal, cause });
  }

  #quotas(namespace: string): StoredObject[] {
    return [...this.#objects.cachedList(`${resourcePrefix({ group: '', resource: 'resourcequotas' })}${namespace}/`)];
  }
}

/** What one quota has left while a batch is gone through. */
class Book {
  readonly stored: StoredObject;
  readonly quota: ResourceQuota;
  readonly uid: string;
  readonly hard: Usage;
  readonly used: Map<string, Quantity>;
  isChanged = false;

  constructor(stored: StoredObject) {
    this.stored = stored;
    this.quota = stored.object as ResourceQuota;
    this.uid = this.quota.metadata.uid ?? '';
    this.hard = amountsOf(this.quota.status?.hard);
    this.used = amountsOf(this.quota.status?.used);
  }
}

/** Takes the charge from the books of the quotas that it concerns and that do not have it yet; refuses it when one is full. */
function fits({ charge, charged, done }: Waiting, books: readonly Book[]): boolean {
  try {
    const open = books.filter(({ uid, quota }) => !charged.has(uid) && charge.concerns(quota));
    for (const book of open) checkRoom(charge, book);
    if (charge.dryRun) return true;
    for (const book of open) {
      const wanted = only(charge.usage, new Set(book.hard.keys()));
      if (wanted.size === 0) continue;
      addUsage(book.used, wanted);
      book.isChanged = true;
      charged.add(book.uid);
    }
    return true;
  } catch (error) {
    done.reject(error);
    return false;
  }
}

function checkRoom(charge: Charge, { quota, hard, used }: Book): void {
  const exceeded: string[] = [];
  for (const [name, amount] of charge.usage) {
    const limit = hard.get(name);
    if (limit && (used.get(name)?.nanos ?? 0n) + amount.nanos > limit.nanos) exceeded.push(name);
  }
  if (exceeded.length === 0) return;
  const text = (usage: Usage) => usageText(only(usage, exceeded));
  throw charge.refuse(
    `exceeded quota: ${quota.metadata.name}, requested: ${text(charge.usage)}, used: ${text(used)}, limited: ${text(hard)}`,
  );
}

function reduced({ status }: ResourceQuota, usage: Usage): Usage | undefined {
  const less = new Map<string, Quantity>();
  for (const [name, amount] of usage) {
    const used = tryParseQuantity(status?.used?.[name] ?? '');
    if (!used || !status?.hard?.[name]) continue;
    const rest = subtractQuantities(used, amount);
    less.set(name, rest.nanos < 0n ? { ...rest, nanos: 0n } : rest);
  }
  return less.size === 0 ? undefined : less;
}
