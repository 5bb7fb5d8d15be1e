/**
 * The config maps and secrets that pods of this node use, kept current by one watch each, and no others: a node may not
 * read, and need not hold, what its pods do not name. The first reading asks the server directly, so that its refusal
 * is seen; the watch begins behind it.
 */
import { isStatus } from '@slipway/api/status-error';
import type { Transport } from '@slipway/api/transport';
import type { ConfigMap, KubeObject, Pod, Secret } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { Client } from '@slipway/client/client';
import { type Kind, keyFrom, kinds } from '@slipway/client/kinds';
import { createWatcher } from '@slipway/client/watcher';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';

export type ReferenceKind = 'configmaps' | 'secrets';

export interface ObjectReference {
  readonly kind: ReferenceKind;
  readonly name: string;
}

export interface ReferencedObjectsDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Entry {
  readonly users: Set<string>;
  readonly cache: ObjectCache;
  readonly stop: AbortController;
  idle: (() => void) | undefined;
}

/** One stream each; what is beyond is read afresh every time and not followed. */
const watchesMax = 2000;
/** The next pod of a Deployment usually comes within this time and finds the object here. */
const idleMs = 60_000;

export class ReferencedObjects {
  readonly #deps: ReferencedObjectsDeps;
  readonly #client: Client;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(podUids: ReadonlySet<string>) => void>();
  #closed = false;

  constructor(deps: ReferencedObjectsDeps) {
    this.#deps = deps;
    this.#client = new Client(deps.transport);
  }

  configMap(namespace: string, name: string, signal: AbortSignal): Promise<ConfigMap | undefined> {
    return this.#get(kinds.configMaps, namespace, name, signal);
  }

  secret(namespace: string, name: string, signal: AbortSignal): Promise<Secret | undefined> {
    return this.#get(kinds.secrets, namespace, name, signal);
  }

  /** Follows what the pod names, until `release`. Idempotent. */
  retain(pod: Pod): void {
    const { namespace = '', uid = '' } = pod.metadata;
    for (const { kind, name } of podReferences(pod)) this.#entry(kind, namespace, name)?.users.add(uid);
  }

  release(podUid: string): void {
    for (const [key, entry] of this.#entries) {
      if (!entry.users.delete(podUid) || entry.users.size > 0) continue;
      entry.idle?.();
      entry.idle = this.#deps.clock.after(idleMs, () => {
        if (entry.users.size > 0) return;
        entry.stop.abort();
        this.#entries.delete(key);
      });
    }
  }

  /** Hears which pods use an object that changed. */
  onChange(listener: (podUids: ReadonlySet<string>) => void): void {
    this.#listeners.add(listener);
  }

  close(): void {
    this.#closed = true;
    for (const entry of this.#entries.values()) entry.stop.abort();
    this.#entries.clear();
  }

  async #get<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string, signal: AbortSignal) {
    const entry = this.#entry(kind.resource as ReferenceKind, namespace, name);
    if (entry?.cache.isSynced) return entry.cache.get(keyFrom({ namespace, name })) as T | undefined;
    try {
      return await this.#client.get(kind, { namespace, name }, { signal });
    } catch (error) {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #entry(resource: ReferenceKind, namespace: string, name: string): Entry | undefined {
    const key = `${resource}/${namespace}/${name}`;
    const known = this.#entries.get(key);
    if (known || this.#closed || this.#entries.size >= watchesMax) return known;
    const entry: Entry = { users: new Set(), cache: new ObjectCache(), stop: new AbortController(), idle: undefined };
    this.#entries.set(key, entry);
    entry.cache.subscribe(() => {
      for (const listener of this.#listeners) listener(entry.users);
    });
    const kind = resource === 'secrets' ? kinds.secrets : kinds.configMaps;
    const watcher = createWatcher<KubeObject>({
      ...this.#deps,
      kind: kind as Kind,
      cache: entry.cache,
      namespace,
      fieldSelector: `metadata.name=${name}`,
    });
    watcher.run(entry.stop.signal).catch((error: unknown) => {
      this.#deps.log.error({ err: error, resource, namespace, name }, 'watch of a referenced object broke');
    });
    return entry;
  }
}

/** Every config map and secret that the pod's spec names. Pure. */
export function podReferences(pod: Pod): ObjectReference[] {
  const references = new Map<string, ObjectReference>();
  const add = (kind: ReferenceKind, name: string | undefined) => {
    if (name) references.set(`${kind}/${name}`, { kind, name });
  };
  for (const volume of pod.spec.volumes ?? []) {
    add('configmaps', volume.configMap?.name);
    add('secrets', volume.secret?.secretName);
    for (const source of volume.projected?.sources ?? []) {
      add('configmaps', source.configMap?.name);
      add('secrets', source.secret?.name);
    }
  }
  for (const { env = [], envFrom = [] } of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    for (const { configMapRef, secretRef } of envFrom) {
      add('configmaps', configMapRef?.name);
      add('secrets', secretRef?.name);
    }
    for (const { valueFrom } of env) {
      add('configmaps', valueFrom?.configMapKeyRef?.name);
      add('secrets', valueFrom?.secretKeyRef?.name);
    }
  }
  for (const { name } of pod.spec.imagePullSecrets ?? []) add('secrets', name);
  return [...references.values()];
}
