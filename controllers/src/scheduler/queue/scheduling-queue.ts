/**
 * Pending pods in three places: `active` (to be tried now, by priority, then by age), `backingOff` (tried not long ago)
 * and `waiting` (no node fits; only an event that may help wakes them, or a long time).
 *
 * A pod is in one place at most. The bound is the number of pending pods that exist. There is one timer for all of
 * them, and none while nothing backs off or waits. When nothing is active, a pod that backs off because it did not fit
 * is taken early: an event said that it may fit now. One whose binding failed waits its time.
 *
 * Pods that are alike (one template, rejected by the same filters) are asked once whether an event may help them.
 */
import { type BackoffOptions, backoffMs } from '@slipway/kit/backoff';
import type { Clock } from '@slipway/kit/clock';
import { likenessOf, type PendingPod } from '../pods/pod-info.ts';
import type { ClusterEvent } from './cluster-event.ts';
import { Heap } from './heap.ts';

/** A pod that nothing woke is tried again after this time, in case an event was judged wrongly. */
export const waitingMsMax = 5 * 60_000;

type Place = 'active' | 'backingOff' | 'waiting' | 'inWork';

interface Pending {
  pod: PendingPod;
  place: Place;
  /** Tries that ended without a node. */
  failures: number;
  /** When it became ready for its place; entries of the heaps that are older than that are void. */
  stamp: number;
  /** Since when it waits in its place, and from when on it may be tried, in monotonic time. */
  sinceMs: number;
  readyMs: number;
  mayGoEarly: boolean;
  rejectedBy: ReadonlySet<string>;
}

interface HeapEntry {
  readonly pending: Pending;
  readonly stamp: number;
  readonly priority: number;
  readonly readyMs: number;
}

/** Whether the event may turn around a rejection of the pod by the filter. */
export type MayHelp = (filter: string, pod: PendingPod, event: ClusterEvent) => boolean;

export interface SchedulingQueueOptions {
  readonly clock: Clock;
  readonly mayHelp: MayHelp;
  readonly backoff: BackoffOptions;
}

export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #mayHelp: MayHelp;
  readonly #backoff: BackoffOptions;
  readonly #pods = new Map<string, Pending>();
  readonly #active = new Heap<HeapEntry>((a, b) =>
    a.priority === b.priority ? a.stamp < b.stamp : a.priority > b.priority,
  );
  readonly #backingOff = new Heap<HeapEntry>((a, b) =>
    a.readyMs === b.readyMs ? a.stamp < b.stamp : a.readyMs < b.readyMs,
  );
  /** Alike pods by what they are and what rejected them. */
  readonly #waiting = new Map<string, Set<Pending>>();
  #activeSize = 0;
  #stamp = 0;
  #timer: { readonly atMs: number; readonly cancel: () => void } | undefined;
  #onReady: () => void = () => {};

  constructor({ clock, mayHelp, backoff }: SchedulingQueueOptions) {
    this.#clock = clock;
    this.#mayHelp = mayHelp;
    this.#backoff = backoff;
  }

  /** Called when a pod may be taken. */
  set onReady(listener: () => void) {
    this.#onReady = listener;
  }

  get size(): number {
    return this.#pods.size;
  }

  get activeSize(): number {
    return this.#activeSize;
  }

  /** Whether `take` would answer a pod. */
  get isReady(): boolean {
    return this.#activeSize > 0 || this.#early() !== undefined;
  }

  get waitingSize(): number {
    let size = 0;
    for (const alike of this.#waiting.values()) size += alike.size;
    return size;
  }

  has(uid: string): boolean {
    return this.#pods.has(uid);
  }

  get(uid: string): PendingPod | undefined {
    return this.#pods.get(uid)?.pod;
  }

  /** A pending pod appeared or changed. A change of what it asks for may make it fit, so it is tried again. */
  put(pod: PendingPod): void {
    const known = this.#pods.get(pod.uid);
    if (!known) {
      const pending: Pending = {
        pod,
        place: 'inWork',
        failures: 0,
        stamp: 0,
        sinceMs: 0,
        readyMs: 0,
        mayGoEarly: true,
        rejectedBy: noFilters,
      };
      this.#pods.set(pod.uid, pending);
      this.#activate(pending);
      return;
    }
    const before = known.pod;
    const isAlike = before.demand === pod.demand && before.group === pod.group;
    if (known.place === 'waiting' && !isAlike) {
      this.#leave(known);
      known.pod = pod;
      this.#activate(known);
      return;
    }
    known.pod = pod;
    if (known.place === 'active' && before.demand.priority !== pod.demand.priority) {
      this.#leave(known);
      this.#activate(known);
    }
  }

  /** The pod was bound, deleted or finished. */
  remove(uid: string): void {
    const pending = this.#pods.get(uid);
    if (!pending) return;
    this.#leave(pending);
    this.#pods.delete(uid);
  }

  /** The next pod to try, or undefined. It stays known; tell the end by `remove`, `park` or `retry`. */
  take(): PendingPod | undefined {
    const pending = this.#next(this.#active, 'active') ?? this.#early();
    if (!pending) return undefined;
    this.#leave(pending);
    return pending.pod;
  }

  /** No node fits: wait for an event that may help. */
  park(uid: string, rejectedBy: ReadonlySet<string>): void {
    const pending = this.#pods.get(uid);
    if (!pending) return;
    this.#leave(pending);
    pending.failures++;
    pending.rejectedBy = rejectedBy;
    pending.place = 'waiting';
    pending.sinceMs = this.#clock.monotonicMs();
    const key = wakeKeyOf(pending);
    const alike = this.#waiting.get(key);
    if (alike) alike.add(pending);
    else this.#waiting.set(key, new Set([pending]));
    this.#setTimer(pending.sinceMs + waitingMsMax);
  }

  /** Something failed that may pass: try again after the back-off. */
  retry(uid: string): void {
    const pending = this.#pods.get(uid);
    if (!pending) return;
    // One that waits already was counted when it was parked.
    if (pending.place !== 'waiting') pending.failures++;
    this.#leave(pending);
    this.#backOff(pending, this.#clock.monotonicMs(), false);
  }

  /** Tries the pod again at once, wherever it is. */
  activate(uid: string): void {
    const pending = this.#pods.get(uid);
    if (!pending || pending.place === 'active') return;
    this.#leave(pending);
    this.#activate(pending);
  }

  /** The cluster changed: pods that it may help are tried again, after their back-off. */
  wake(events: readonly ClusterEvent[]): void {
    if (events.length === 0) return;
    for (const [key, alike] of this.#waiting) {
      const [first] = alike;
      if (!first || !this.#mayHelpPod(first, events)) continue;
      this.#waiting.delete(key);
      for (const pending of alike) this.#backOff(pending, pending.sinceMs, true);
    }
  }

  /** Stops the timer and forgets all pods. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#pods.clear();
    this.#waiting.clear();
    this.#active.clear();
    this.#backingOff.clear();
    this.#activeSize = 0;
  }

  #mayHelpPod({ pod, rejectedBy }: Pending, events: readonly ClusterEvent[]): boolean {
    for (const event of events) for (const filter of rejectedBy) if (this.#mayHelp(filter, pod, event)) return true;
    return false;
  }

  #backOff(pending: Pending, fromMs: number, mayGoEarly: boolean): void {
    const readyMs = fromMs + backoffMs(pending.failures, this.#backoff);
    pending.mayGoEarly = mayGoEarly;
    if (readyMs <= this.#clock.monotonicMs()) {
      this.#activate(pending);
      return;
    }
    pending.place = 'backingOff';
    pending.readyMs = readyMs;
    pending.stamp = ++this.#stamp;
    this.#backingOff.push({ pending, stamp: pending.stamp, priority: 0, readyMs });
    this.#setTimer(readyMs);
    if (mayGoEarly && this.#activeSize === 0) this.#onReady();
  }

  #activate(pending: Pending): void {
    pending.place = 'active';
    pending.stamp = ++this.#stamp;
    const { priority } = pending.pod.demand;
    this.#active.push({ pending, stamp: pending.stamp, priority, readyMs: 0 });
    this.#activeSize++;
    this.#onReady();
  }

  #leave(pending: Pending): void {
    if (pending.place === 'active') this.#activeSize--;
    if (pending.place === 'waiting') {
      const key = wakeKeyOf(pending);
      const alike = this.#waiting.get(key);
      alike?.delete(pending);
      if (alike?.size === 0) this.#waiting.delete(key);
    }
    pending.place = 'inWork';
    pending.stamp = 0;
  }

  /** The first entry that is not void. */
  #next(heap: Heap<HeapEntry>, place: Place): Pending | undefined {
    for (let entry = heap.first; entry; entry = heap.first) {
      const { pending, stamp } = entry;
      if (pending.place === place && pending.stamp === stamp) return pending;
      heap.pop();
    }
    return undefined;
  }

  #early(): Pending | undefined {
    const pending = this.#next(this.#backingOff, 'backingOff');
    return pending?.mayGoEarly ? pending : undefined;
  }

  #setTimer(atMs: number): void {
    if (this.#timer && this.#timer.atMs <= atMs) return;
    this.#timer?.cancel();
    const inMs = Math.max(atMs - this.#clock.monotonicMs(), 0);
    this.#timer = { atMs, cancel: this.#clock.after(inMs, () => this.#onTimer()) };
  }

  #onTimer(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (
      let next = this.#next(this.#backingOff, 'backingOff');
      next;
      next = this.#next(this.#backingOff, 'backingOff')
    ) {
      if (next.readyMs > nowMs) {
        this.#setTimer(next.readyMs);
        break;
      }
      this.#leave(next);
      this.#activate(next);
    }
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const alike of this.#waiting.values()) {
      for (const pending of alike) {
        if (pending.sinceMs + waitingMsMax > nowMs) {
          oldestMs = Math.min(oldestMs, pending.sinceMs);
          break; // they waited in this order
        }
        this.#leave(pending);
        this.#activate(pending);
      }
    }
    if (oldestMs < Number.POSITIVE_INFINITY) this.#setTimer(oldestMs + waitingMsMax);
  }
}

const noFilters: ReadonlySet<string> = new Set();

function wakeKeyOf({ pod, rejectedBy }: Pending): string {
  return `${likenessOf(pod)}/${[...rejectedBy]}`;
}
