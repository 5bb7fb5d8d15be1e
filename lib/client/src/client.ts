import type { Cause } from '@slipway/api/cause';
import type { PatchType, RequestOptions, Transport, WatchEvent } from '@slipway/api/transport';
import type { DeleteOptions, KubeList, KubeObject } from '@slipway/api/types';
import { type Kind, type ObjectRef, pathFor } from './kinds.ts';

/** What every call takes. */
export interface CallOptions {
  readonly signal: AbortSignal;
  /** Why the write happens; a client made with a cause uses that when none is given here. */
  readonly cause?: Cause;
}

export interface WriteOptions extends CallOptions {
  readonly fieldManager?: string;
  readonly dryRun?: 'All';
}

export interface PatchOptions extends WriteOptions {
  /** `merge` when not given. */
  readonly type?: PatchType;
  readonly subresource?: string;
  /** For server-side apply: take over fields that others own. */
  readonly force?: boolean;
}

export interface DeleteCallOptions extends CallOptions {
  /** Preconditions: the delete fails with Conflict when the object is another or has changed. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
}

export type ListOptions = CallOptions & { readonly namespace?: string | undefined } & Pick<
    RequestOptions,
    'labelSelector' | 'fieldSelector' | 'limit' | 'continue' | 'resourceVersion' | 'resourceVersionMatch'
  >;

/** Typed calls over a transport. All throw `StatusError` for what the server refuses. */
export class Client {
  readonly transport: Transport;
  readonly #cause: Cause | undefined;

  constructor(transport: Transport, cause?: Cause) {
    this.transport = transport;
    this.#cause = cause;
  }

  /** The same client, whose writes carry this cause. */
  withCause(cause: Cause): Client {
    return new Client(this.transport, cause);
  }

  async get<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, { signal }: CallOptions): Promise<T> {
    return (await this.transport.send({ verb: 'get', path: pathFor(kind, ref) }, signal)) as T;
  }

  /** One page; all objects when no limit is given. */
  async list<T extends KubeObject>(
    kind: Kind<T>,
    { signal, namespace, cause: _, ...options }: ListOptions,
  ): Promise<KubeList<T>> {
    const path = pathFor(kind, namespace ? { namespace } : {});
    return (await this.transport.send({ verb: 'list', path, options }, signal)) as KubeList<T>;
  }

  /** The namespace of the object says where; `into` names a subresource of it, such as `token` or `eviction`. */
  async create<T extends KubeObject>(kind: Kind<T>, object: T, options: WriteOptions): Promise<T> {
    const { namespace } = object.metadata;
    return (await this.#write('create', pathFor(kind, namespace ? { namespace } : {}), object, options)) as T;
  }

  /** Posts to a subresource of an object: `binding`, `eviction`, `token`. Answers what the server answers. */
  createSubresource(
    kind: Kind,
    ref: ObjectRef,
    subresource: string,
    body: unknown,
    options: WriteOptions,
  ): Promise<unknown> {
    return this.#write('create', pathFor(kind, ref, subresource), body, options);
  }

  /** Fails with Conflict when the object carries a resourceVersion that is no longer the current one. */
  async update<T extends KubeObject>(kind: Kind<T>, object: T, options: WriteOptions): Promise<T> {
    return (await this.#write('update', pathFor(kind, refOf(object)), object, options)) as T;
  }

  async updateStatus<T extends KubeObject>(kind: Kind<T>, object: T, options: WriteOptions): Promise<T> {
    return (await this.#write('update', pathFor(kind, refOf(object), 'status'), object, options)) as T;
  }

  async updateSubresource<T extends KubeObject>(
    kind: Kind<T>,
    object: T,
    subresource: string,
    options: WriteOptions,
  ): Promise<T> {
    return (await this.#write('update', pathFor(kind, refOf(object), subresource), object, options)) as T;
  }

  async patch<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, patch: unknown, options: PatchOptions): Promise<T> {
    const { type = 'merge', subresource } = options;
    const path = pathFor(kind, ref, subresource);
    const { signal } = options;
    const request = { verb: 'patch', path, body: patch, patchType: type, ...this.#requestOptions(options) } as const;
    return (await this.transport.send(request, signal)) as T;
  }

  /** Answers the object while it terminates, or what the server says once it is gone. */
  async delete<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, options: DeleteCallOptions): Promise<unknown> {
    return this.#write('delete', pathFor(kind, ref), deleteOptions(options), options);
  }

  async deleteCollection(kind: Kind, options: ListOptions & DeleteCallOptions): Promise<unknown> {
    const { signal, namespace, labelSelector, fieldSelector } = options;
    const path = pathFor(kind, namespace ? { namespace } : {});
    const selectors = { ...(labelSelector ? { labelSelector } : {}), ...(fieldSelector ? { fieldSelector } : {}) };
    const cause = options.cause ?? this.#cause;
    const body = deleteOptions({ ...options, resourceVersion: undefined });
    return this.transport.send(
      { verb: 'deletecollection', path, options: selectors, body, ...(cause ? { cause } : {}) },
      signal,
    );
  }

  /** Raw events from `resourceVersion` on; `createWatcher` is what a component usually wants. */
  watch<T extends KubeObject>(
    kind: Kind<T>,
    { signal, namespace, cause: _, limit: __, continue: ___, ...options }: ListOptions,
  ): AsyncIterable<readonly WatchEvent<T>[]> {
    const path = pathFor(kind, namespace ? { namespace } : {});
    return this.transport.watch({ path, options }, signal) as AsyncIterable<readonly WatchEvent<T>[]>;
  }

  #write(verb: 'create' | 'update' | 'delete', path: ReturnType<typeof pathFor>, body: unknown, options: WriteOptions) {
    return this.transport.send({ verb, path, body, ...this.#requestOptions(options) }, options.signal);
  }

  #requestOptions({ fieldManager, dryRun, cause: own, force }: WriteOptions & { readonly force?: boolean }) {
    const cause = own ?? this.#cause;
    const options = {
      ...(fieldManager ? { fieldManager } : {}),
      ...(dryRun ? { dryRun } : {}),
      ...(force ? { force } : {}),
    };
    return { ...(Object.keys(options).length > 0 ? { options } : {}), ...(cause ? { cause } : {}) };
  }
}

function refOf(object: KubeObject): ObjectRef {
  return { namespace: object.metadata.namespace, name: object.metadata.name ?? '' };
}

function deleteOptions(options: DeleteCallOptions): DeleteOptions {
  const { uid, resourceVersion, gracePeriodSeconds, propagationPolicy } = options;
  const preconditions = { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy ? { propagationPolicy } : {}),
    ...(uid || resourceVersion ? { preconditions } : {}),
  };
}
