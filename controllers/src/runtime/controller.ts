/**
 * Runs one reconciler over the keys that its triggers name.
 *
 * - A key is in work at most once; what happens meanwhile makes it run once more, however much happened.
 * - A key that ran a moment ago waits for the rest of its pace: two thousand pod events become a few looks. Who has so much to look at that a
 *   look takes long (a service of five thousand tasks) is looked at less often, so that it never takes more than a tenth of a processor.
 *   A key that rested runs at once.
 * - A key whose own writes the caches do not show yet is held back until they do.
 * - A throw is retried with growing delay; a TerminalError is told once and not retried.
 */
import type { KubeObject } from '@slipway/api/types';
import type { CacheReader, Change } from '@slipway/client/cache';
import { type Kind, keyFrom, keyOf, type ObjectKey } from '@slipway/client/kinds';
import { backoffMs } from '@slipway/kit/backoff';
import { messageOf, TerminalError } from '@slipway/kit/errors';
import { InvariantError } from '@slipway/kit/invariant';
import { KeyedQueue } from '@slipway/kit/keyed-queue';
import { isNamespaceTerminating, isStale } from './stale.ts';
import type { Caches, SharedCaches } from './caches.ts';
import type { ControllerDefinition, ControllerDeps, Outcome, Reconciler, Trigger } from './controller-definition.ts';
import type { PendingWrites } from './pending-writes.ts';

const workersDefault = 8;
const pace = { leastMs: 20, mostMs: 1000, perLook: 10 };
const retry = { baseMs: 5, maxMs: 300_000 };
/**
 * A write that its cache does not show by then is waited for no longer; upstream's figure. Whoever goes on earlier, with a watch that
 * is merely late, makes everything a second time.
 */
const holdMsMax = 300_000;
/** Times are reckoned by a wall clock that may be wrong by hours and put right later: nobody sleeps longer than this on its word. */
const againMsMax = 300_000;

interface KeyState {
  failures: number;
  endedMs: number;
  /** How long the last look took, and how long the next one waits after it. */
  lookMs: number;
  paceMs: number;
  held: { readonly pending: PendingWrites; readonly sinceMs: number; readonly cancel: () => void } | undefined;
}

export class Controller {
  readonly #definition: ControllerDefinition;
  readonly #deps: ControllerDeps;
  readonly #reconciler: Reconciler;
  readonly #queue: KeyedQueue;
  readonly #states = new Map<ObjectKey, KeyState>();

  constructor(definition: ControllerDefinition, deps: ControllerDeps) {
    this.#definition = definition;
    this.#deps = deps;
    this.#reconciler = definition.create(deps);
    this.#queue = new KeyedQueue(deps.clock);
  }

  get name(): string {
    return this.#definition.name;
  }

  /** Every kind whose cache must be complete before a key may run. */
  get kinds(): readonly Kind[] {
    return kindsOf(this.#definition);
  }

  get followsKinds(): boolean {
    return this.#definition.follows !== undefined;
  }

  /** Begins to collect keys; what is in the caches already counts as come just now. Returns how to stop. */
  subscribe(caches: SharedCaches): () => void {
    const { primary, triggers, wakes } = this.#definition;
    const stops = triggers.map((trigger) =>
      hearAll(caches.of(trigger.on), (changes) => {
        for (const key of keysOf(trigger, changes, caches, primary)) this.#enqueue(key);
      }),
    );
    if (primary) {
      const enqueueAll = (changes: readonly Change[]) => {
        for (const change of changes) {
          if (!wakes || wakes(change, caches) || this.#states.has(change.key)) this.#enqueue(change.key);
        }
      };
      stops.push(hearAll(caches.of(primary), enqueueAll));
    }
    for (const key of this.#definition.initialKeys ?? []) this.#queue.add(key);
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** Begins to collect keys of a kind that appeared. Returns how to stop; undefined when this controller does not care. */
  follow(kind: Kind, caches: SharedCaches): (() => void) | undefined {
    const { follows } = this.#definition;
    if (!follows) return undefined;
    const trigger = follows.trigger(kind);
    const stop = hearAll(caches.of(kind), (changes) => {
      for (const key of keysOf(trigger, changes, caches, undefined)) this.#enqueue(key);
    });
    for (const key of follows.added(kind, caches)) this.#enqueue(key);
    return () => {
      stop();
      follows.removed(kind);
    };
  }

  /** Runs keys until the signal aborts and those in work have ended. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#queue.run(this.#definition.workers ?? workersDefault, (key) => this.#work(key, signal), signal);
    for (const state of this.#states.values()) state.held?.cancel();
  }

  /** True when nothing is to be done but for keys that wait for a time. */
  get isIdle(): boolean {
    return this.#queue.isIdle;
  }

  #enqueue(key: ObjectKey): void {
    const state = this.#states.get(key);
    if (state?.held) return;
    const restLeftMs = state ? state.endedMs + state.paceMs - this.#deps.clock.monotonicMs() : 0;
    this.#queue.addAfter(key, restLeftMs);
  }

  async #work(key: ObjectKey, signal: AbortSignal): Promise<void> {
    const state = this.#stateOf(key);
    if (state.held && !this.#isReleased(state)) return;
    try {
      const outcome = await this.#reconciler.reconcile(key, { signal });
      const { lookMs = 0 } = outcome;
      // One look may have been slow because something else had the processor.
      state.paceMs = paceAfter(Math.min(lookMs, state.lookMs));
      state.lookMs = lookMs;
      if (outcome.failure !== undefined) {
        this.#ended(key, state, outcome.failure, signal, outcome.pending);
        return;
      }
      state.failures = 0;
      this.#settle(key, state, outcome);
    } catch (error) {
      this.#ended(key, state, error, signal, undefined);
    } finally {
      state.endedMs = this.#deps.clock.monotonicMs();
    }
  }

  #ended(
    key: ObjectKey,
    state: KeyState,
    error: unknown,
    signal: AbortSignal,
    pending: PendingWrites | undefined,
  ): void {
    if (error instanceof InvariantError) throw error;
    if (signal.aborted) return;
    const delayMs = this.#afterFailure(key, state, error);
    if (pending && !pending.isVisible(this.#deps.caches)) this.#hold(key, state, pending, delayMs);
    else if (delayMs !== undefined) this.#queue.addAfter(key, delayMs);
  }

  #settle(key: ObjectKey, state: KeyState, { againAfterMs, pending }: Outcome): void {
    const { caches } = this.#deps;
    if (pending && !pending.isVisible(caches)) this.#hold(key, state, pending);
    if (againAfterMs !== undefined)
      this.#queue.addAfter(key, Math.min(Math.max(againAfterMs, pace.leastMs), againMsMax));
    const { primary } = this.#definition;
    // What is gone is forgotten, and keys that are no objects at once: the map stays as large as what exists.
    const isGone = !primary || !caches.get(primary, key);
    if (isGone && !state.held && againAfterMs === undefined) this.#states.delete(key);
  }

  /** A retry after a failure waits for its delay as well. */
  #hold(key: ObjectKey, state: KeyState, pending: PendingWrites, delayMs = 0): void {
    const { caches, clock } = this.#deps;
    const release = () => {
      cancelTimer();
      cancelWait();
      state.held = undefined;
      this.#queue.addAfter(key, delayMs);
    };
    let cancelWait = () => {};
    const cancelTimer = clock.after(holdMsMax, release);
    state.held = {
      pending,
      sinceMs: clock.monotonicMs(),
      cancel: () => {
        cancelTimer();
        cancelWait();
      },
    };
    cancelWait = pending.whenVisible(caches, release);
  }

  /** A key may be asked for by time while it is held; it then waits on. */
  #isReleased(state: KeyState): boolean {
    return state.held === undefined;
  }

  /** Answers when to try again; undefined when that cannot help. */
  #afterFailure(key: ObjectKey, state: KeyState, error: unknown): number | undefined {
    const { log, caches, events } = this.#deps;
    if (error instanceof TerminalError) {
      state.failures = 0;
      log.error({ key, error: messageOf(error) }, 'cannot reconcile, waiting for a change');
      const about = this.#definition.primary && caches.get(this.#definition.primary, key);
      if (about) events.record({ about, type: 'Warning', reason: 'ReconcileFailed', message: messageOf(error) });
      return undefined;
    }
    state.failures++;
    const delayMs = backoffMs(state.failures, retry);
    const quiet = isStale(error) || isNamespaceTerminating(error);
    log[quiet ? 'debug' : 'warn']({ key, error: messageOf(error), delayMs }, 'reconcile failed, retrying');
    return delayMs;
  }

  #stateOf(key: ObjectKey): KeyState {
    let state = this.#states.get(key);
    if (!state) {
      state = { failures: 0, endedMs: 0, lookMs: 0, paceMs: pace.leastMs, held: undefined };
      this.#states.set(key, state);
    }
    return state;
  }
}

function paceAfter(lookMs: number): number {
  return Math.min(Math.max(lookMs * pace.perLook, pace.leastMs), pace.mostMs);
}

/** Every change from now on, and before them, as one change set, that everything has come which is there. */
function hearAll(cache: CacheReader, listener: (changes: readonly Change[]) => void): () => void {
  const there = cache.list().map((after) => ({ key: keyOf(after), before: undefined, after }));
  if (there.length > 0) listener(there);
  return cache.subscribe(listener);
}

export function kindsOf({ primary, triggers, reads, indexes }: ControllerDefinition): readonly Kind[] {
  return [
    ...(primary ? [primary] : []),
    ...triggers.map(({ on }) => on),
    ...(reads ?? []),
    ...(indexes ?? []).map(({ on }) => on),
  ];
}

function keysOf(
  trigger: Trigger,
  changes: readonly Change[],
  caches: Caches,
  primary: Kind | undefined,
): Iterable<ObjectKey> {
  const keys = new Set<ObjectKey>();
  for (const change of changes) {
    if ('changes' in trigger) {
      for (const key of trigger.changes(change, caches)) keys.add(key);
      continue;
    }
    for (const object of [change.before, change.after]) {
      if (!object) continue;
      const found = trigger.via === 'owner' ? ownerKeys(object, primary) : trigger.via(object, caches);
      for (const key of found) keys.add(key);
    }
  }
  return keys;
}

function ownerKeys(object: KubeObject, primary: Kind | undefined): readonly ObjectKey[] {
  const owner = object.metadata.ownerReferences?.find(({ controller }) => controller);
  if (!owner || !primary || owner.kind !== primary.kind || groupOf(owner.apiVersion) !== primary.group) return [];
  return [keyFrom({ namespace: primary.namespaced ? object.metadata.namespace : undefined, name: owner.name })];
}

export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash === -1 ? '' : apiVersion.slice(0, slash);
}
