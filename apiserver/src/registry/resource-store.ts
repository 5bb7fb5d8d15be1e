import type { ObjectSchema } from '@slipway/api/schema/structural-schema';
import type { KubeObject } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import { StorageError } from '../storage/backend.ts';
import type { ObjectStore, StoredObject } from '../storage/object-store.ts';
import { createObject, type Written } from './create-object.ts';
import { type Deleted, deleteObject } from './delete-object.ts';
import type { DeleteOptions } from './finalizers.ts';
import { type ListQuery, listObjects, type ObjectList, parseVersion } from './list-objects.ts';
import { type Patch, type Patched, patchObject } from './patch-object.ts';
import { objectKey, type ResourceContext } from './resource-context.ts';
import type { Selection } from './selection.ts';
import { notFound, tooLargeResourceVersion } from './status-errors.ts';
import { storageCall } from './storage-errors.ts';
import { readManyStored, readStored, readWatch, type StoredForm } from './stored-form.ts';
import type { Strategy } from './strategy.ts';
import { type Change, type UpdateTarget, updateObject } from './update-object.ts';
import { type WatchBatches, type WatchQuery, watchObjects } from './watch-objects.ts';
import type { Call, WriteCall } from './write-call.ts';

export interface ResourceStoreDeps {
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
}

/** Of a kind that comes and goes while the server runs. */
export interface CustomForm {
  readonly form: StoredForm | undefined;
}

/** All objects of one kind: the generic registry with the kind's strategy. Every method throws StatusError. */
export class ResourceStore {
  readonly #context: ResourceContext;

  /** Aborts when the kind is served no more, or in another form: watches end then. */
  readonly #closing = new AbortController();

  constructor(strategy: Strategy, schema: ObjectSchema, deps: ResourceStoreDeps, custom?: CustomForm) {
    this.#context = { strategy, schema, ...deps, form: custom?.form, mayEnd: custom !== undefined };
  }

  /** Ends the watches. */
  close(): void {
    this.#closing.abort();
  }

  get strategy(): Strategy {
    return this.#context.strategy;
  }

  nowMs(): number {
    return this.#context.clock.nowMs();
  }

  async get(
    namespace: string | undefined,
    name: string,
    query: { readonly resourceVersion?: string | undefined },
    call: Call,
  ): Promise<StoredObject> {
    const { objects, strategy, form } = this.#context;
    const notOlderThan = query.resourceVersion ? parseVersion(query.resourceVersion) : undefined;
    const key = objectKey(strategy.resource, namespace, name);
    const version = notOlderThan === undefined ? {} : { notOlderThan };
    const stored = await storageCall(
      objects.get(key, { signal: call.signal, ...version }).catch((error) => {
        const isFuture = error instanceof StorageError && error.reason === 'futureRevision';
        throw isFuture ? tooLargeResourceVersion(notOlderThan ?? 0n, objects.revision) : error;
      }),
    );
    if (!stored) throw notFound(strategy.resource, name);
    return form ? await readStored(form, stored) : stored;
  }

  /** From the cache, at once. */
  cached(namespace: string | undefined, name: string): KubeObject | undefined {
    const { objects, strategy } = this.#context;
    return objects.cached(objectKey(strategy.resource, namespace, name))?.object;
  }

  async list(
    namespace: string | undefined,
    selection: Selection | undefined,
    query: ListQuery,
    call: Call,
  ): Promise<ObjectList> {
    const list = await listObjects(this.#context, namespace, selection, query, call);
    const { form } = this.#context;
    return form ? { ...list, items: await readManyStored(form, list.items) } : list;
  }

  watch(
    namespace: string | undefined,
    selection: Selection | undefined,
    query: WatchQuery,
    call: Call,
  ): AsyncGenerator<WatchBatches, void, void> {
    const { form } = this.#context;
    if (!form) return watchObjects(this.#context, namespace, selection, query, this.#untilClosed(call));
    return readWatch(form, watchObjects(this.#context, namespace, selection, query, this.#untilClosed(call)));
  }

  /** Kinds that stay for ever need no second signal. */
  #untilClosed(call: Call): Call {
    return this.#context.mayEnd ? { ...call, signal: AbortSignal.any([call.signal, this.#closing.signal]) } : call;
  }

  create(draft: KubeObject, namespace: string | undefined, call: WriteCall): Promise<Written> {
    return createObject(this.#context, draft, namespace, call);
  }

  update(target: UpdateTarget, change: Change, call: WriteCall): Promise<Written> {
    return updateObject(this.#context, target, change, call);
  }

  patch(target: UpdateTarget, patch: Patch, call: WriteCall): Promise<Patched> {
    return patchObject(this.#context, target, patch, call);
  }

  delete(
    target: { readonly namespace: string | undefined; readonly name: string },
    options: DeleteOptions,
    call: WriteCall,
  ): Promise<Deleted> {
    return deleteObject(this.#context, target, options, call);
  }
}
