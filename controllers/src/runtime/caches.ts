import type { Transport } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import { type CacheReader, type IndexFunction, ObjectCache } from '@slipway/client/cache';
import { type Kind, kindId, type ObjectKey } from '@slipway/client/kinds';
import { createWatcher } from '@slipway/client/watcher';
import type { Clock } from '@slipway/kit/clock';
import { invariant } from '@slipway/kit/invariant';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';

/** Read-only views of all objects of the kinds that somebody asked for. */
export interface Caches {
  get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): T | undefined;
  list<T extends KubeObject>(kind: Kind<T>): readonly T[];
  inNamespace<T extends KubeObject>(kind: Kind<T>, namespace: string): readonly T[];
  ownedBy<T extends KubeObject>(kind: Kind<T>, ownerUid: string): readonly T[];
  byIndex<T extends KubeObject>(kind: Kind<T>, index: string, value: string): readonly T[];
  /** The view itself, to subscribe to. Asking for a kind that nobody declared is a mistake. */
  of<T extends KubeObject>(kind: Kind<T>): CacheReader<T>;
  has(kind: Kind): boolean;
}

interface Shared {
  readonly kind: Kind;
  readonly cache: ObjectCache;
  readonly ready: Promise<void>;
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** One cache and one watch per kind, however many controllers read it. Kinds are declared before `run`. */
export class SharedCaches implements Caches {
  readonly #deps: {
    readonly transport: Transport;
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Logger;
  };
  readonly #shared = new Map<string, Shared>();

  constructor(deps: {
    readonly transport: Transport;
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Logger;
  }) {
    this.#deps = deps;
  }

  declare(kind: Kind): void {
    const id = kindId(kind);
    if (this.#shared.has(id)) return;
    const cache = new ObjectCache();
    const watcher = createWatcher({ ...this.#deps, kind, cache });
    this.#shared.set(id, { kind, cache, ready: watcher.ready, run: (signal) => watcher.run(signal) });
  }

  /** Watches a kind that appeared while the others run already, until the signal aborts; then it is forgotten. */
  async follow(kind: Kind, signal: AbortSignal): Promise<void> {
    const shared = this.#find(kind);
    try {
      await shared.run(signal);
    } finally {
      if (this.#shared.get(kindId(kind)) === shared) this.#shared.delete(kindId(kind));
    }
  }

  addIndex(kind: Kind, name: string, values: IndexFunction): void {
    this.declare(kind);
    this.#find(kind).cache.addIndex(name, values);
  }

  async ready(kinds: readonly Kind[]): Promise<void> {
    await Promise.all(kinds.map((kind) => this.#find(kind).ready));
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#shared.values()].map((shared) => shared.run(signal)));
  }

  has(kind: Kind): boolean {
    return this.#shared.has(kindId(kind));
  }

  of<T extends KubeObject>(kind: Kind<T>): CacheReader<T> {
    return this.#find(kind).cache as CacheReader<KubeObject> as CacheReader<T>;
  }

  get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): T | undefined {
    return this.of(kind).get(key);
  }

  list<T extends KubeObject>(kind: Kind<T>): readonly T[] {
    return this.of(kind).list();
  }

  inNamespace<T extends KubeObject>(kind: Kind<T>, namespace: string): readonly T[] {
    return this.of(kind).inNamespace(namespace);
  }

  ownedBy<T extends KubeObject>(kind: Kind<T>, ownerUid: string): readonly T[] {
    return this.of(kind).ownedBy(ownerUid);
  }

  byIndex<T extends KubeObject>(kind: Kind<T>, index: string, value: string): readonly T[] {
    return this.of(kind).byIndex(index, value);
  }

  #find(kind: Kind): Shared {
    const shared = this.#shared.get(kindId(kind));
    invariant(shared, `no cache of ${kindId(kind)}: a controller reads a kind that it did not declare`);
    return shared;
  }
}
