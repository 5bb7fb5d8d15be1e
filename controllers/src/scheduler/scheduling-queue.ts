/**
 * Pending pods in three places: `active` (to be tried now, by priority, then by age), `backingOff` (tried not long ago)
 * and `waiting` (no node fits; only a change of the cluster that may help wakes them, or a long time).
 *
 * A pod is in one place at most. The bound is the number of pending pods that exist.
 */
import { type BackoffOptions, backoffMs } from '@slipway/kit/backoff';
import type { Clock } from '@slipway/kit/clock';
import type { ClusterChange } from './filter.ts';
import { filters } from './filters/filters.ts';
import type { PodInfo } from './pod-info.ts';

/** Upstream's podInitialBackoff and podMaxBackoff. */
const retryBackoff: BackoffOptions = { baseMs: 1_000, maxMs: 10_000 };

/** A pod that nothing woke is tried again after this time, in case a change was judged wrongly. */
const waitingMsMax = 5 * 60_000;

interface Pending {
  info: PodInfo;
  attempts: number;

  cancel?: () => void;
  /** Filters that rejected it, while it waits. */
  rejectedBy?: ReadonlySet<string>;
}

const wokenBy: ReadonlyMap<string, readonly ClusterChange[]> = new Map([
  ...filters.map((filter) => [filter.name, filter.wokenBy] as const),
  ['nodes', ['nodeAdded'] as const],
]);

export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #pods = new Map<string, Pending>();
  /** Priority → uids in the order in which they became ready. */
  readonly #active = new Map<number, Set<string>>();
  readonly #waiting = new Set<string>();
  /** Changes that came while a pod was being tried may help it: they count as having come after. */
  #changesDuringTry: Set<ClusterChange> = new Set();
  #onReady: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Called when a pod becomes ready while none was. */
  set onReady(listener: () => void) {
    this.#onReady = listener;
  }

  get activeSize(): number {
    let size = 0;
    for (const uids of this.#active.values()) size += uids.size;
    return size;
  }

  get waitingSize(): number {
    return this.#waiting.size;
  }

  /** A pending pod appeared or changed. A change of the pod itself may make it fit, so it is tried again. */
  put(info: PodInfo): void {
    const known = this.#pods.get(info.uid);
    if (!known) {
      this.#pods.set(info.uid, { info, attempts: 0 });
      this.#activate(info.uid);
      return;
    }
    const before = known.info;
    known.info = info;
    if (before.pod.spec === info.pod.spec || sameDemand(before, info)) return;
    if (this.#waiting.delete(info.uid)) this.#activate(info.uid);
  }

  /** The pod was bound, deleted or finished. */
  remove(uid: string): void {
    const pending = this.#pods.get(uid);
    if (!pending) return;
    this.#leave(uid, pending);
    this.#pods.delete(uid);
  }

  /** The next pod to try, or undefined. It stays known; tell the end by `remove`, `park` or `retry`. */
  take(): PodInfo | undefined {
    const priority = Math.max(...this.#active.keys());
    const uids = this.#active.get(priority);
    for (const uid of uids ?? []) {
      uids?.delete(uid);
      if (uids?.size === 0) this.#active.delete(priority);
      const pending = this.#pods.get(uid);
      if (!pending) continue;
      pending.attempts++;
      this.#changesDuringTry.clear();
      return pending.info;
    }
    return undefined;
  }

  /** No node fits: wait for a change that may help. */
  park(uid: string, rejectedBy: ReadonlySet<string>): void {
    const pending = this.#pods.get(uid);
    if (!pending) return;
    pending.rejectedBy = rejectedBy;
    if ([...this.#changesDuringTry].some((change) => mayHelp(rejectedBy, change))) {
      this.#backOff(uid, pending);
      return;
    }
    this.#waiting.add(uid);
    pending.cancel = this.#clock.after(waitingMsMax, () => {
      if (this.#waiting.delete(uid)) this.#activate(uid);
    });
  }

  /** Something failed that may pass: try again after the back-off. */
  retry(uid: string): void {
    const pending = this.#pods.get(uid);
    if (pending) this.#backOff(uid, pending);
  }

  /** The cluster changed: pods that it may help are tried again, after their back-off. */
  wake(change: ClusterChange): void {
    this.#changesDuringTry.add(change);
    for (const uid of this.#waiting) {
      const pending = this.#pods.get(uid);
      if (!pending?.rejectedBy || !mayHelp(pending.rejectedBy, change)) continue;
      this.#waiting.delete(uid);
      pending.cancel?.();
      this.#backOff(uid, pending);
    }
  }

  #backOff(uid: string, pending: Pending): void {
    pending.cancel?.();
    pending.cancel = this.#clock.after(backoffMs(pending.attempts, retryBackoff), () => this.#activate(uid));
  }

  #activate(uid: string): void {
    const pending = this.#pods.get(uid);
    if (!pending) return;
    pending.cancel?.();
    const { priority } = pending.info;
    const uids = this.#active.get(priority) ?? new Set();
    this.#active.set(priority, uids.add(uid));
    this.#onReady();
  }

  #leave(uid: string, pending: Pending): void {
    pending.cancel?.();
    this.#waiting.delete(uid);
    const uids = this.#active.get(pending.info.priority);
    if (uids?.delete(uid) && uids.size === 0) this.#active.delete(pending.info.priority);
  }

  /** Stops all timers. */
  clear(): void {
    for (const [uid, pending] of this.#pods) this.#leave(uid, pending);
    this.#pods.clear();
  }
}

function mayHelp(rejectedBy: ReadonlySet<string>, change: ClusterChange): boolean {
  for (const filter of rejectedBy) if (wokenBy.get(filter)?.includes(change)) return true;
  return false;
}

/** Status writes (our own condition among them) change the object, not what it asks for. */
function sameDemand(a: PodInfo, b: PodInfo): boolean {
  return (
    a.pod.metadata.generation === b.pod.metadata.generation && JSON.stringify(a.labels) === JSON.stringify(b.labels)
  );
}
