/**
 * An API server in memory for the laws of the controllers: versions, preconditions, generations, finalizers, the status
 * endpoint, patches and watches as the real one has them, and nothing else: no validation, no defaults, no access
 * control. It is there because a history of a controller then takes milliseconds; the real server shows the rest in
 * e2e/integration and e2e/simulation.
 */
import { applyJsonPatch } from '@slipway/api/patch/json-patch';
import type { JsonObject, JsonValue } from '@slipway/api/patch/json-value';
import { applyMergePatch } from '@slipway/api/patch/merge-patch';
import { applyStrategicMergePatch } from '@slipway/api/patch/strategic-merge-patch';
import { parseApiVersion } from '@slipway/api/resources';
import { builtInSchemas } from '@slipway/api/schema/built-in-schemas';
import { StatusError } from '@slipway/api/status-error';
import type { ApiRequest, ResourcePath, Transport, WatchEvent, WatchRequest } from '@slipway/api/transport';
import type { DeleteOptions, KubeObject } from '@slipway/api/types';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import { deepFreeze } from '@slipway/client/freeze';
import { type Kind, keyOf, kindId, type ObjectKey } from '@slipway/client/kinds';
import { AsyncQueue } from '@slipway/kit/async-queue';
import { type Clock, formatTime } from '@slipway/kit/clock';
import { invariant } from '@slipway/kit/invariant';

/** One change that was stored. A request that changes nothing stores nothing. */
export interface Write {
  readonly verb: 'create' | 'update' | 'patch' | 'delete';
  /** `deployments.apps`. */
  readonly kindId: string;
  readonly subresource: string;
  readonly before: KubeObject | undefined;
  readonly after: KubeObject | undefined;
}

interface Logged {
  readonly version: bigint;
  readonly event: WatchEvent<KubeObject>;
}

interface Collection {
  readonly objects: Map<ObjectKey, KubeObject>;
  readonly log: Logged[];
  readonly watchers: Set<AsyncQueue<readonly WatchEvent[]>>;
}

const watchBufferMax = 100_000;
const podsId = 'pods';

export class MemoryServer {
  readonly #clock: Clock;
  readonly #collections = new Map<string, Collection>();
  readonly #heard = new Set<(write: Write) => void>();
  #version = 0n;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get nowMs(): number {
    return this.#clock.nowMs();
  }

  /** A way in whose writes `hears` is told of, before anybody can see them. */
  transport(hears?: (write: Write) => void): Transport {
    return {
      send: async (request) => {
        if (hears) this.#heard.add(hears);
        try {
          return this.#answer(request);
        } finally {
          if (hears) this.#heard.delete(hears);
        }
      },
      watch: (request, signal) => this.#watch(request, signal),
    };
  }

  get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): T | undefined {
    return this.#collection(kindId(kind)).objects.get(key) as T | undefined;
  }

  list<T extends KubeObject>(kind: Kind<T>): readonly T[] {
    return [...this.#collection(kindId(kind)).objects.values()] as T[];
  }

  /** As a user or a node agent: the whole object, status included. Creates it when it is not there. */
  put<T extends KubeObject>(kind: Kind<T>, object: T): T {
    const id = kindId(kind);
    const before = object.metadata.name ? this.#collection(id).objects.get(keyOf(object)) : undefined;
    if (!before) return this.#create(id, object, true) as T;
    return this.#replace({ id, before, next: object, verb: 'update', subresource: '' }) as T;
  }

  /** As a user: with finalizers, and for a pod on a node with a grace, it only begins to go. */
  delete(kind: Kind, key: ObjectKey, options: DeleteOptions = {}): void {
    const before = this.#collection(kindId(kind)).objects.get(key);
    if (before) this.#delete(kindId(kind), before, options);
  }

  /** It is gone, whatever its finalizers say. */
  remove(kind: Kind, key: ObjectKey): void {
    const before = this.#collection(kindId(kind)).objects.get(key);
    if (before) this.#erase(kindId(kind), before);
  }

  #answer(request: ApiRequest): unknown {
    const { path, verb, body } = request;
    const id = kindId(path);
    switch (verb) {
      case 'get':
        return this.#found(path);
      case 'list':
        return this.#listed(path);
      case 'create':
        return this.#created(path, body as KubeObject);
      case 'update':
        return this.#updated(path, body as KubeObject);
      case 'patch':
        return this.#patched(path, request);
      case 'delete':
        return this.#delete(id, this.#found(path), (body ?? {}) as DeleteOptions);
      case 'deletecollection':
        for (const object of this.#inNamespace(path)) this.#delete(id, object, (body ?? {}) as DeleteOptions);
        return { kind: 'Status', status: 'Success' };
    }
  }

  #found(path: ResourcePath): KubeObject {
    const { namespace, name = '' } = path;
    const found = this.#collection(kindId(path)).objects.get(namespace ? `${namespace}/${name}` : name);
    if (!found) throw new StatusError('NotFound', `${kindId(path)} "${name}" not found`);
    return found;
  }

  #listed(path: ResourcePath) {
    return { metadata: { resourceVersion: String(this.#version) }, items: this.#inNamespace(path) };
  }

  #inNamespace(path: ResourcePath): KubeObject[] {
    const { namespace } = path;
    const all = [...this.#collection(kindId(path)).objects.values()];
    return namespace ? all.filter(({ metadata }) => metadata.namespace === namespace) : all;
  }

  #created(path: ResourcePath, object: KubeObject): KubeObject {
    // Reviews are questions: nothing is stored, and here everything is allowed.
    if (path.resource.endsWith('reviews')) return { ...object, status: { allowed: true } } as KubeObject;
    invariant(!path.subresource, `creating at ${path.subresource} is beyond this server`);
    return this.#create(kindId(path), object, false);
  }

  #create(id: string, object: KubeObject, withStatus: boolean): KubeObject {
    const version = ++this.#version;
    const { metadata } = object;
    const name = metadata.name ?? `${metadata.generateName}${String(version).padStart(5, '0')}`;
    const { status: _, ...rest } = object as KubeObject & { status?: unknown };
    const stored = deepFreeze({
      ...(withStatus ? object : rest),
      metadata: {
        generation: 1,
        creationTimestamp: formatTime(this.nowMs),
        ...metadata,
        name,
        uid: `uid-${version}`,
        resourceVersion: String(version),
      },
    }) as KubeObject;
    const { objects } = this.#collection(id);
    if (objects.has(keyOf(stored))) throw new StatusError('AlreadyExists', `${id} "${name}" already exists`);
    this.#store({ verb: 'create', kindId: id, subresource: '', before: undefined, after: stored });
    return stored;
  }

  #updated(path: ResourcePath, object: KubeObject): KubeObject {
    const before = this.#found(path);
    this.#check(before, object.metadata);
    const next = merged(before, object, path.subresource);
    return this.#replace({ id: kindId(path), before, next, verb: 'update', subresource: path.subresource ?? '' });
  }

  #patched(path: ResourcePath, { body, patchType = 'merge' }: ApiRequest): KubeObject {
    const before = this.#found(path);
    const document = before as unknown as JsonObject;
    if (patchType !== 'json') this.#check(before, (body as { metadata?: KubeObject['metadata'] }).metadata ?? {});
    const patched = applyPatch(document, body as JsonValue, patchType);
    const next = merged(before, patched as unknown as KubeObject, path.subresource);
    return this.#replace({ id: kindId(path), before, next, verb: 'patch', subresource: path.subresource ?? '' });
  }

  #check(before: KubeObject, { uid, resourceVersion }: { uid?: string; resourceVersion?: string }): void {
    const isOther = uid !== undefined && uid !== before.metadata.uid;
    const isChanged = resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion;
    if (isOther || isChanged) throw new StatusError('Conflict', `${keyOf(before)}: the object has been modified`);
  }

  #replace(change: {
    readonly id: string;
    readonly before: KubeObject;
    readonly next: KubeObject;
    readonly verb: Write['verb'];
    readonly subresource: string;
  }): KubeObject {
    const { id, before, verb, subresource } = change;
    const { uid, creationTimestamp, generation = 1, resourceVersion, deletionTimestamp } = before.metadata;
    const fixed = {
      uid,
      creationTimestamp,
      generation,
      resourceVersion,
      ...(deletionTimestamp ? { deletionTimestamp } : {}),
    };
    const next = { ...change.next, metadata: { ...change.next.metadata, ...fixed } } as KubeObject;
    if (semanticEqual(next, before)) return before;
    const grown = semanticEqual(specOf(next), specOf(before)) ? generation : generation + 1;
    const version = String(++this.#version);
    const after = deepFreeze({ ...next, metadata: { ...next.metadata, generation: grown, resourceVersion: version } });
    this.#store({ verb, kindId: id, subresource, before, after: after as KubeObject });
    if (isReadyToGo(id, after as KubeObject)) this.#erase(id, after as KubeObject);
    return after as KubeObject;
  }

  #delete(id: string, before: KubeObject, options: DeleteOptions): KubeObject {
    this.#check(before, options.preconditions ?? {});
    const { metadata } = before;
    const graceSeconds = id === podsId ? graceOf(before, options) : 0;
    const finalizers = [...new Set([...(metadata.finalizers ?? []), ...finalizersFor(options)])];
    if (graceSeconds === 0 && finalizers.length === 0 && !ownFinalizers(id, before)) return this.#erase(id, before);
    const leaving = {
      deletionTimestamp: metadata.deletionTimestamp ?? formatTime(this.nowMs + graceSeconds * 1000),
      ...(id === podsId ? { deletionGracePeriodSeconds: graceSeconds } : {}),
    };
    const version = String(++this.#version);
    const after = deepFreeze({
      ...before,
      metadata: { ...metadata, ...leaving, ...(finalizers.length > 0 ? { finalizers } : {}), resourceVersion: version },
    }) as KubeObject;
    this.#store({ verb: 'delete', kindId: id, subresource: '', before, after });
    return after;
  }

  #erase(id: string, before: KubeObject): KubeObject {
    const version = String(++this.#version);
    const gone = deepFreeze({ ...before, metadata: { ...before.metadata, resourceVersion: version } }) as KubeObject;
    const { objects } = this.#collection(id);
    objects.delete(keyOf(before));
    this.#publish(id, { type: 'DELETED', object: gone });
    for (const hears of this.#heard) hears({ verb: 'delete', kindId: id, subresource: '', before, after: undefined });
    return gone;
  }

  #store(write: Write & { readonly after: KubeObject }): void {
    this.#collection(write.kindId).objects.set(keyOf(write.after), write.after);
    this.#publish(write.kindId, { type: write.before ? 'MODIFIED' : 'ADDED', object: write.after });
    for (const hears of this.#heard) hears(write);
  }

  #publish(id: string, event: WatchEvent<KubeObject>): void {
    const { log, watchers } = this.#collection(id);
    log.push({ version: BigInt(event.object.metadata.resourceVersion ?? '0'), event });
    for (const queue of watchers) queue.push([event], () => new Error('a watcher does not read'));
  }

  async *#watch({ path, options }: WatchRequest, signal: AbortSignal): AsyncGenerator<readonly WatchEvent[]> {
    const collection = this.#collection(kindId(path));
    const since = BigInt(options?.resourceVersion ?? '0');
    const queue = new AsyncQueue<readonly WatchEvent[]>(watchBufferMax);
    const missed = collection.log.filter(({ version }) => version > since).map(({ event }) => event);
    if (missed.length > 0) queue.push(missed, () => new Error('too many events'));
    collection.watchers.add(queue);
    const end = () => queue.end();
    signal.addEventListener('abort', end, { once: true });
    try {
      yield* queue;
    } finally {
      collection.watchers.delete(queue);
      signal.removeEventListener('abort', end);
    }
  }

  #collection(id: string): Collection {
    let collection = this.#collections.get(id);
    if (!collection) {
      collection = { objects: new Map(), log: [], watchers: new Set() };
      this.#collections.set(id, collection);
    }
    return collection;
  }
}

function applyPatch(document: JsonObject, body: JsonValue, type: NonNullable<ApiRequest['patchType']>): JsonValue {
  if (type === 'json') return applyJsonPatch(document, body);
  const { apiVersion, kind } = document as unknown as KubeObject;
  const schema = type === 'strategic' ? builtInSchemas.kind({ ...parseApiVersion(apiVersion), kind }) : undefined;
  return schema ? applyStrategicMergePatch(document, body, schema) : applyMergePatch(document, body);
}

/** What a write through this endpoint changes: the status alone, or everything but the status. */
function merged(before: KubeObject, object: KubeObject, subresource: string | undefined): KubeObject {
  const { status: old, ...rest } = before as KubeObject & { status?: unknown };
  const { status, ...others } = object as KubeObject & { status?: unknown };
  if (subresource === 'status') return { ...rest, ...(status === undefined ? {} : { status }) } as KubeObject;
  return { ...others, ...(old === undefined ? {} : { status: old }) } as KubeObject;
}

function specOf(object: KubeObject): unknown {
  const { metadata: _, status: __, ...rest } = object as KubeObject & { status?: unknown };
  return rest;
}

/** A namespace has finalizers of its own, in its spec. */
function ownFinalizers(id: string, object: KubeObject): boolean {
  const { finalizers } = ((object as { spec?: unknown }).spec ?? {}) as { finalizers?: unknown };
  return id === 'namespaces' && Array.isArray(finalizers) && finalizers.length > 0;
}

function isReadyToGo(id: string, object: KubeObject): boolean {
  const { deletionTimestamp, finalizers, deletionGracePeriodSeconds } = object.metadata;
  if (!deletionTimestamp || (finalizers?.length ?? 0) > 0 || ownFinalizers(id, object)) return false;
  return (deletionGracePeriodSeconds ?? 0) === 0;
}

function finalizersFor({ propagationPolicy }: DeleteOptions): string[] {
  if (propagationPolicy === 'Foreground') return ['foregroundDeletion'];
  return propagationPolicy === 'Orphan' ? ['orphan'] : [];
}

/** A pod that runs on a node is given time; the agent ends it by deleting it once more, with none. */
function graceOf(pod: KubeObject, { gracePeriodSeconds }: DeleteOptions): number {
  const { spec, status } = pod as { spec?: { nodeName?: string }; status?: { phase?: string } };
  if (!spec?.nodeName || status?.phase === 'Succeeded' || status?.phase === 'Failed') return 0;
  return gracePeriodSeconds ?? 30;
}
