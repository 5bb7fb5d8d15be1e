/**
 * Keeps a cache equal to what an API server has: list, then watch from the list's version, for ever.
 *
 *   listing ──ok──▶ watching ──ended──▶ watching (same version)
 *      ▲  ▲            │  └──410──▶ listing
 *      │  └──410───────┘  └──error──▶ resting ──▶ watching (same version)
 *      └──error──▶ resting ──▶ listing
 *
 * The version grows with every event and bookmark, so a broken watch resumes without a gap and without a list. Only
 * when the server no longer has that version is everything listed again; the cache then swaps its content in one
 * step and tells listeners the difference. Trouble is logged when it begins and when it ends, not in between.
 */
import { isStatus } from '@slipway/api/status-error';
import type { RequestOptions, Transport, WatchEvent } from '@slipway/api/transport';
import type { KubeList, KubeObject } from '@slipway/api/types';
import { backoffMs } from '@slipway/kit/backoff';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { CacheReader, ObjectCache } from './cache.ts';
import { deepFreeze } from './freeze.ts';
import { type Kind, kindId, pathFor } from './kinds.ts';

/** What a watcher keeps current: an `ObjectCache`, or something leaner that takes only what it needs out of each object. */
export interface WatchTarget<T extends KubeObject> {
  /** The whole content, at that version. */
  replace(objects: readonly T[], resourceVersion: bigint): void;
  /** What came, changed or went since, in order. */
  apply(updates: readonly { readonly object: T; readonly gone: boolean }[], resourceVersion: bigint): void;
}

export interface WatcherOptions<T extends KubeObject, C extends WatchTarget<T> = ObjectCache<T>> {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly kind: Kind<T>;
  readonly cache: C;
  /** Keeps less of each object, from the moment that it comes in: a list of many is never held whole. */
  readonly project?: (object: T) => T;
  /** Watches one namespace only. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface Watcher<T extends KubeObject, C = CacheReader<T>> {
  readonly cache: C;
  /** Resolves when the first list is in the cache. Never rejects: a server that is away is waited for. */
  readonly ready: Promise<void>;
  /** Runs until the signal aborts. Call it once. */
  run(signal: AbortSignal): Promise<void>;
}

type State =
  | { readonly name: 'listing'; readonly whole: boolean; readonly failures: number }
  | { readonly name: 'watching'; readonly failures: number }
  | { readonly name: 'resting'; readonly failures: number; readonly next: State };

/** A page keeps one answer small; a server under memory pressure is not asked for everything at once. */
const pageLimit = 500;
/** First retry almost at once, then slower, so that a restarted server is not hit by everybody at the same time. */
const backoff = { baseMs: 50, maxMs: 30_000, jitter: 0.5 };
/** A watch that ends sooner than this without an event counts as a failure, so that it cannot spin. */
const shortWatchMs = 1000;
/** The server is asked to end a watch after 5 to 10 minutes, which spreads the watches over restarted servers. */
const watchSecondsMin = 300;

export function createWatcher<T extends KubeObject, C extends WatchTarget<T> = ObjectCache<T>>(
  options: WatcherOptions<T, C>,
): Watcher<T, C> {
  let becomeReady = () => {};
  const ready = new Promise<void>((resolve) => {
    becomeReady = resolve;
  });
  const loop = new WatchLoop(options, becomeReady);
  return { cache: options.cache, ready, run: (signal) => loop.run(signal) };
}

class WatchLoop<T extends KubeObject> {
  readonly #options: WatcherOptions<T, WatchTarget<T>>;
  readonly #becomeReady: () => void;
  readonly #log: Logger;
  #resourceVersion = '';
  #troubled = false;

  constructor(options: WatcherOptions<T, WatchTarget<T>>, becomeReady: () => void) {
    this.#options = options;
    this.#becomeReady = becomeReady;
    this.#log = options.log.child({ watch: kindId(options.kind) });
  }

  async run(signal: AbortSignal): Promise<void> {
    let state: State = { name: 'listing', whole: false, failures: 0 };
    while (!signal.aborted) {
      try {
        state = await this.#step(state, signal);
      } catch (error) {
        if (signal.aborted) return;
        state = this.#afterFailure(state, error);
      }
    }
  }

  async #step(state: State, signal: AbortSignal): Promise<State> {
    switch (state.name) {
      case 'listing':
        await this.#list(state.whole, signal);
        this.#recovered();
        this.#becomeReady();
        return { name: 'watching', failures: 0 };
      case 'watching': {
        const fruitful = await this.#watch(signal);
        const failures = fruitful ? 0 : state.failures + 1;
        const next: State = { name: 'watching', failures };
        return fruitful ? next : { name: 'resting', failures, next };
      }
      case 'resting':
        await this.#options.clock.sleep(backoffMs(state.failures, backoff, this.#options.random), signal);
        return state.next;
    }
  }

  /** What follows a failure. A version that the server no longer has means to begin anew, at once the first time. */
  #afterFailure(state: State, error: unknown): State {
    const failures = state.failures + 1;
    const tooOld = isStatus(error, 'Expired', 'Gone');
    if (tooOld && state.name === 'watching') return { name: 'listing', whole: false, failures };
    if (!this.#troubled) this.#log.warn({ error: messageOf(error), state: state.name }, 'watch interrupted, retrying');
    this.#troubled = true;
    const whole = tooOld || (state.name === 'listing' && state.whole);
    const next: State =
      state.name === 'listing' ? { name: 'listing', whole, failures } : { name: 'watching', failures };
    return { name: 'resting', failures, next };
  }

  #recovered(): void {
    if (this.#troubled) this.#log.info({}, 'watch resumed');
    this.#troubled = false;
  }

  /** Reads all pages at one version. `whole` asks for a single page, after the pages' version expired midway. */
  async #list(whole: boolean, signal: AbortSignal): Promise<void> {
    const { transport, kind, namespace, cache } = this.#options;
    const items: T[] = [];
    let next: string | undefined;
    let resourceVersion = '';
    do {
      const options: RequestOptions = {
        ...this.#selectors(),
        ...(whole ? {} : { limit: pageLimit }),
        ...(next ? { continue: next } : {}),
      };
      const path = pathFor(kind, namespace ? { namespace } : {});
      const list = (await transport.send({ verb: 'list', path, options }, signal)) as KubeList<T>;
      // Items of a list carry no type on the wire; readers rely on it.
      for (const item of list.items) items.push(this.#take(item));
      next = list.metadata.continue || undefined;
      resourceVersion = list.metadata.resourceVersion ?? '';
    } while (next);
    this.#resourceVersion = resourceVersion;
    cache.replace(items, BigInt(resourceVersion || '0'));
  }

  /** Watches until the server ends it. True when it brought something or lasted. */
  async #watch(signal: AbortSignal): Promise<boolean> {
    const { transport, kind, namespace, clock, random } = this.#options;
    const startedMs = clock.monotonicMs();
    let received = false;
    const options = {
      ...this.#selectors(),
      resourceVersion: this.#resourceVersion,
      allowWatchBookmarks: true,
      timeoutSeconds: Math.floor(watchSecondsMin * (1 + random.next())),
    };
    const path = pathFor(kind, namespace ? { namespace } : {});
    for await (const events of transport.watch({ path, options }, signal)) {
      received = true;
      this.#recovered();
      this.#apply(events as readonly WatchEvent<T>[]);
    }
    return received || clock.monotonicMs() - startedMs >= shortWatchMs;
  }

  #take(object: T): T {
    const { kind, project } = this.#options;
    return project ? project(object) : typed(object, kind);
  }

  #apply(events: readonly WatchEvent<T>[]): void {
    const { cache } = this.#options;
    const last = events.at(-1)?.object.metadata.resourceVersion;
    if (last) this.#resourceVersion = last;
    const updates = events
      .filter((event) => event.type !== 'BOOKMARK')
      .map((event) => ({ object: this.#take(event.object), gone: event.type === 'DELETED' }));
    cache.apply(updates, BigInt(this.#resourceVersion || '0'));
  }

  #selectors(): Pick<RequestOptions, 'labelSelector' | 'fieldSelector'> {
    const { labelSelector, fieldSelector } = this.#options;
    return { ...(labelSelector ? { labelSelector } : {}), ...(fieldSelector ? { fieldSelector } : {}) };
  }
}

function typed<T extends KubeObject>(object: T, kind: Kind): T {
  if (object.kind) return deepFreeze(object);
  const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
  return deepFreeze({ ...object, apiVersion, kind: kind.kind });
}
