import type { Pod } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';

export interface PodListener {
  see(pod: Pod): void;
  /** The pod is gone. */
  forget(uid: string): void;
  /** Nothing but these is there. */
  keepOnly(uids: ReadonlySet<string>): void;
}

/** A cache for a watcher that keeps nothing: what is needed of a pod its listener has. */
export class PodIntake extends ObjectCache<Pod> {
  readonly #listener: PodListener;

  constructor(listener: PodListener) {
    super();
    this.#listener = listener;
  }

  override replace(pods: readonly Pod[]): void {
    this.#listener.keepOnly(new Set(pods.map(({ metadata }) => metadata.uid ?? '')));
    for (const pod of pods) this.#listener.see(pod);
  }

  override apply(updates: readonly { readonly object: Pod; readonly gone: boolean }[]): void {
    for (const { object, gone } of updates) {
      if (gone) this.#listener.forget(object.metadata.uid ?? '');
      else this.#listener.see(object);
    }
  }
}
