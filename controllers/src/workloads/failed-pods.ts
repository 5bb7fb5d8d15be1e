/**
 * When a pod that ended may be removed, which lets its successor come. The successor meets the same node and may end as
 * fast, so each end in one place makes the next one wait twice as long. Lost with the process: it then begins anew.
 */
import type { Pod } from '@slipway/api/types';
import type { ObjectKey } from '@slipway/client/kinds';
import { isPodFinished } from './pod-readiness.ts';

const firstMs = 1000;
const maxMs = 15 * 60_000;

interface Ended {
  readonly uid: string;
  /** When this pod may be removed. */
  readonly removableMs: number;
  /** What the next one will wait. */
  readonly nextMs: number;
}

export class FailedPods {
  readonly #byOwner = new Map<ObjectKey, Map<string, Ended>>();

  /**
   * By pod name: when each ended pod of an owner may be removed. The first of a place may at once. `placeOf` says which
   * pods succeed each other.
   */
  removableMs(
    owner: ObjectKey,
    pods: readonly Pod[],
    placeOf: (pod: Pod) => string,
    nowMs: number,
  ): ReadonlyMap<string, number> {
    const ended = pods.filter((pod) => isPodFinished(pod) && !pod.metadata.deletionTimestamp);
    return new Map(
      ended.map((pod) => [
        pod.metadata.name ?? '',
        this.#removableMs(owner, placeOf(pod), pod.metadata.uid ?? '', nowMs),
      ]),
    );
  }

  forget(owner: ObjectKey): void {
    this.#byOwner.delete(owner);
  }

  #removableMs(owner: ObjectKey, place: string, uid: string, nowMs: number): number {
    const known = this.#byOwner.get(owner) ?? new Map<string, Ended>();
    this.#byOwner.set(owner, known);
    const last = known.get(place);
    if (last?.uid === uid) return last.removableMs;
    // After a long time without an end the place is forgiven.
    const isForgiven = !last || nowMs - last.removableMs > 2 * maxMs;
    const next = isForgiven
      ? { uid, removableMs: nowMs, nextMs: firstMs }
      : {
          uid,
          removableMs: Math.max(nowMs, last.removableMs + last.nextMs),
          nextMs: Math.min(maxMs, last.nextMs * 2),
        };
    known.set(place, next);
    return next.removableMs;
  }
}

/** Milliseconds until the next of them may be removed; undefined when all may now. */
export function nextRemovalInMs(removableMs: ReadonlyMap<string, number>, nowMs: number): number | undefined {
  const waits = [...removableMs.values()].map((atMs) => atMs - nowMs).filter((ms) => ms > 0);
  return waits.length > 0 ? Math.min(...waits) : undefined;
}
