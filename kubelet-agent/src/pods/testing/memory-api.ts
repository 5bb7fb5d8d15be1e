import { StatusError } from '@slipway/api/status-error';
import type { ApiRequest, ResourcePath, Transport, WatchEvent } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import { AsyncQueue } from '@slipway/kit/async-queue';

type Stored = KubeObject & { status?: Record<string, unknown>; spec?: unknown };

/**
 * As much of an API server as a node agent talks to, in memory: objects with versions, watches, status patches whose
 * conditions merge, deletes without grace, and tokens. Validates nothing.
 */
export class MemoryApi implements Transport {
  readonly requests: ApiRequest[] = [];
  readonly events: { reason: string; message: string }[] = [];
  /** Holds up what a write answers, after the write. */
  beforeAnswer: (request: ApiRequest) => Promise<void> = async () => {};
  readonly #objects = new Map<string, Stored>();
  readonly #watches = new Set<{ resource: string; fieldSelector: string; queue: AsyncQueue<readonly WatchEvent[]> }>();
  #version = 1;

  get<T extends KubeObject>(resource: string, name: string): T | undefined {
    return [...this.#objects].find(([key]) => key.startsWith(`${resource}/`) && key.endsWith(`/${name}`))?.[1] as
      | T
      | undefined;
  }

  /** Creates or replaces as somebody else would. */
  put(resource: string, object: KubeObject): void {
    const key = keyOf(resource, object.metadata.namespace, object.metadata.name);
    const type = this.#objects.has(key) ? 'MODIFIED' : 'ADDED';
    this.#commit(resource, key, object, type);
  }

  remove(resource: string, name: string): void {
    const entry = [...this.#objects].find(([key]) => key.startsWith(`${resource}/`) && key.endsWith(`/${name}`));
    if (!entry) return;
    const [key, object] = entry;
    this.#commit(resource, key, object, 'DELETED');
    this.#objects.delete(key);
  }

  async send(request: ApiRequest): Promise<unknown> {
    this.requests.push(request);
    const { path, verb } = request;
    if (path.resource === 'events') {
      if (verb === 'create') this.events.push(request.body as { reason: string; message: string });
      return request.body;
    }
    if (path.subresource === 'token') {
      return { status: { token: `token-${this.requests.length}`, expirationTimestamp: '2026-01-01T01:00:00Z' } };
    }
    switch (verb) {
      case 'list':
        return this.#list(path, request.options?.fieldSelector ?? '');
      case 'get':
        return this.#require(path);
      case 'create': {
        const object = request.body as KubeObject;
        this.put(path.resource, object);
        return object;
      }
      case 'patch': {
        const body = request.body as { metadata?: { uid?: string }; status?: Record<string, unknown> };
        const patched = this.#patch(path, body);
        await this.beforeAnswer(request);
        return patched;
      }
      case 'delete':
        this.#require(path);
        this.remove(path.resource, path.name ?? '');
        return {};
      default:
        throw new StatusError('MethodNotAllowed', verb);
    }
  }

  async *watch(
    { path, options }: Parameters<Transport['watch']>[0],
    signal: AbortSignal,
  ): AsyncGenerator<readonly WatchEvent[], void, void> {
    const queue = new AsyncQueue<readonly WatchEvent[]>(1000);
    const watch = { resource: path.resource, fieldSelector: options?.fieldSelector ?? '', queue };
    const since = Number(options?.resourceVersion ?? 0);
    for (const object of this.#select(path.resource, watch.fieldSelector)) {
      if (Number(object.metadata.resourceVersion) > since)
        queue.push([{ type: 'MODIFIED', object }], () => new Error());
    }
    this.#watches.add(watch);
    const end = () => queue.end();
    signal.addEventListener('abort', end, { once: true });
    try {
      yield* queue;
    } finally {
      this.#watches.delete(watch);
    }
  }

  #commit(resource: string, key: string, object: KubeObject, type: WatchEvent['type']): void {
    const stored: Stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    this.#objects.set(key, stored);
    for (const watch of this.#watches) {
      if (watch.resource === resource && selects(stored, watch.fieldSelector))
        watch.queue.push([{ type, object: stored }], () => new Error());
    }
  }

  #require(path: ResourcePath): Stored {
    const found = this.#objects.get(keyOf(path.resource, path.namespace, path.name));
    if (found) return found;
    throw new StatusError('NotFound', `${path.resource} "${path.name}" not found`);
  }

  #list(path: ResourcePath, fieldSelector: string) {
    return {
      kind: 'List',
      metadata: { resourceVersion: String(this.#version) },
      items: this.#select(path.resource, fieldSelector),
    };
  }

  #select(resource: string, fieldSelector: string): Stored[] {
    const all = [...this.#objects].filter(([key]) => key.startsWith(`${resource}/`)).map(([, object]) => object);
    return all.filter((object) => selects(object, fieldSelector));
  }

  #patch(
    path: ResourcePath,
    patch: { metadata?: { uid?: string }; status?: Record<string, unknown>; spec?: object },
  ): Stored {
    const before = this.#require(path);
    if (patch.metadata?.uid && patch.metadata.uid !== before.metadata.uid)
      throw new StatusError('Conflict', 'another uid');
    const status: Record<string, unknown> = { ...before.status };
    for (const [field, value] of Object.entries(patch.status ?? {})) {
      if (value === null) delete status[field];
      else status[field] = field === 'conditions' ? mergeByType(status[field], value) : value;
    }
    const after: Stored = {
      ...before,
      ...(patch.spec ? { spec: { ...(before.spec as object), ...patch.spec } } : {}),
      status,
    };
    this.#commit(path.resource, keyOf(path.resource, path.namespace, path.name), after, 'MODIFIED');
    return after;
  }
}

function keyOf(resource: string, namespace = '', name = ''): string {
  return `${resource}/${namespace}/${name}`;
}

function selects(object: Stored, fieldSelector: string): boolean {
  const name = /^metadata\.name=(.*)$/.exec(fieldSelector)?.[1];
  return name === undefined || object.metadata.name === name;
}

function mergeByType(before: unknown, patch: unknown): unknown {
  const list = (value: unknown) => (Array.isArray(value) ? (value as { type: string }[]) : []);
  const merged = new Map(list(before).map((each) => [each.type, each]));
  for (const each of list(patch)) {
    const fields = Object.entries({ ...merged.get(each.type), ...each }).filter(([, field]) => field !== null);
    merged.set(each.type, Object.fromEntries(fields) as { type: string });
  }
  return [...merged.values()];
}
