/**
 * What is on the disk, revision by revision, as seen from beside the API server. Checkers compare with it what the API says
 * and what clients were told.
 */
import { crc32 } from 'node:zlib';
import type { KubeObject } from '@slipway/api/types';
import type { DiskListener, DurableChange, ModelledDisk } from '@slipway/apiserver/testing';

export interface LedgerChange {
  readonly revision: number;
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** `apps/deployments`; the core group is `core`. */
  readonly resource: string;
  readonly cause: string;
  readonly bytes: Uint8Array;
  /** Of a delete the last state. Parsed when first asked for. */
  readonly object: KubeObject;
  readonly before: LedgerChange | undefined;
  /** Stands for the bytes. */
  readonly fingerprint: string;
}

export interface LedgerListener {
  changed(change: LedgerChange): void;
  lost(head: number): void;
}

export class Ledger implements DiskListener {
  #changes: LedgerChange[] = [];
  /** By resource, then by key. */
  readonly #current = new Map<string, Map<string, LedgerChange>>();
  readonly #newest = new Map<string, number>();
  readonly #listeners: LedgerListener[] = [];

  /** Begins with what is on the disk, and follows it. */
  follow(disk: ModelledDisk): void {
    for (const change of disk.image().changesFrom(0)) this.#append(change);
    disk.listener = this;
  }

  listen(listener: LedgerListener): void {
    this.#listeners.push(listener);
  }

  get head(): number {
    return this.#changes.at(-1)?.revision ?? 1;
  }

  at(revision: number): LedgerChange | undefined {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changes[middle]?.revision ?? 0) < revision) low = middle + 1;
      else high = middle;
    }
    return this.#changes[low]?.revision === revision ? this.#changes[low] : undefined;
  }

  get(key: string): LedgerChange | undefined {
    return this.#current.get(resourceIn(key))?.get(key);
  }

  /** Everything that exists of a resource. */
  list<T extends KubeObject>(resource: string): T[] {
    return Array.from(this.currentOf(resource), ({ object }) => object as T);
  }

  /** The same, each with its last change. */
  currentOf(resource: string): Iterable<LedgerChange> {
    return this.#current.get(resource)?.values() ?? [];
  }

  *current(): Generator<LedgerChange> {
    for (const changes of this.#current.values()) yield* changes.values();
  }

  /** The revision of the last change of a resource. */
  newestOf(resource: string): number {
    return this.#newest.get(resource) ?? 0;
  }

  committed(changes: readonly DurableChange[]): void {
    for (const durable of changes) {
      const change = this.#append(durable);
      for (const listener of this.#listeners) listener.changed(change);
    }
  }

  lost(head: number): void {
    const kept = this.#changes.filter(({ revision }) => revision <= head);
    this.#changes = [];
    this.#current.clear();
    this.#newest.clear();
    for (const change of kept) this.#keep(change);
    for (const listener of this.#listeners) listener.lost(head);
  }

  #append({ revision, change }: DurableChange): LedgerChange {
    const { key, type, cause, value } = change;
    const appended = new Change({ revision, type, key, cause }, value, this.get(key));
    this.#keep(appended);
    return appended;
  }

  #keep(change: LedgerChange): void {
    this.#changes.push(change);
    const { resource, key, revision } = change;
    const current = this.#current.get(resource) ?? new Map<string, LedgerChange>();
    this.#current.set(resource, current);
    this.#newest.set(resource, revision);
    if (change.type === 'delete') current.delete(key);
    else current.set(key, change);
  }
}

class Change implements LedgerChange {
  readonly revision: number;
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly resource: string;
  readonly cause: string;
  readonly bytes: Uint8Array;
  #before: LedgerChange | undefined;
  #object: KubeObject | undefined;

  constructor(
    { revision, type, key, cause }: Pick<LedgerChange, 'revision' | 'type' | 'key' | 'cause'>,
    value: Uint8Array,
    before: LedgerChange | undefined,
  ) {
    this.revision = revision;
    this.type = type;
    this.key = key;
    this.resource = resourceIn(key);
    this.cause = cause;
    this.bytes = type === 'delete' ? (before?.bytes ?? value) : value;
    this.#before = before;
  }

  get before(): LedgerChange | undefined {
    return this.#before;
  }

  get fingerprint(): string {
    return crc32(this.bytes).toString(16);
  }

  get object(): KubeObject {
    if (this.type === 'delete' && this.#before) return this.#before.object;
    this.#object ??= JSON.parse(Buffer.from(this.bytes).toString()) as KubeObject;
    return this.#object;
  }
}

/** `/registry/apps/deployments/team-a/web` is one of `apps/deployments`. */
function resourceIn(key: string): string {
  const from = '/registry/'.length;
  return key.slice(from, key.indexOf('/', key.indexOf('/', from) + 1));
}
