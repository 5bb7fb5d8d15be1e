import type { KubeObject } from '@slipway/api/types';
import { resourcePrefix } from '../registry/resource-context.ts';
import type { ObjectStore } from '../storage/object-store.ts';

/**
 * Something worked out of all objects of a kind and kept until one of them changes: a request pays a look-up, a change pays nothing until
 * somebody asks.
 */
export class Derived<T> {
  readonly #prefix: string;
  readonly #compute: (objects: Iterable<KubeObject>) => T;
  /** One value per store; weakly, so that a chain that is shared by servers holds none of them back. */
  readonly #kept = new WeakMap<ObjectStore, { value: T | undefined }>();

  constructor(
    resource: { readonly group: string; readonly resource: string },
    compute: (objects: Iterable<KubeObject>) => T,
  ) {
    this.#prefix = resourcePrefix(resource);
    this.#compute = compute;
  }

  of(objects: ObjectStore): T {
    let kept = this.#kept.get(objects);
    if (!kept) {
      kept = { value: undefined };
      this.#kept.set(objects, kept);
      this.#watch(objects, kept);
    }
    kept.value ??= this.#compute(Array.from(objects.cachedList(this.#prefix), ({ object }) => object));
    return kept.value;
  }

  /** The subscription ends with the store. When it was cut off, whoever asks next begins a new one. */
  #watch(objects: ObjectStore, kept: { value: T | undefined }): void {
    objects.subscribe(this.#prefix, undefined, {
      onEvents: () => {
        kept.value = undefined;
      },
      onEnd: () => this.#kept.delete(objects),
    });
  }
}
