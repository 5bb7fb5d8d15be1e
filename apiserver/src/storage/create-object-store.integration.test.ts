/** The watch cache when the backend's watch breaks, lags or loses history, over an embedded store that is made to do so. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '@slipway/api/types';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { type Backend, type KeyRange, type Revision, StorageError, type WatchBatch } from './backend.ts';
import { record } from './conformance/object-store.suite.ts';
import { createObjectStore } from './create-object-store.ts';
import { openEmbeddedStore } from './embedded/embedded-store.ts';
import type { ObjectStore, StoredObject } from './object-store.ts';

const { signal } = new AbortController();
const options = { signal, cause: { verb: 'test' } };
const pods = '/registry/core/pods/';
const nodes = '/registry/core/nodes/';

/** A backend of another process, as far as the object store can tell, whose watch can be held up and broken. */
class Remote implements Backend {
  readonly isLocal = false;
  readonly inner: Backend;
  probes = 0;
  #break: (error: StorageError) => void = () => {};
  #held: Promise<void> = Promise.resolve();
  #release = () => {};

  constructor(inner: Backend) {
    this.inner = inner;
  }

  get: Backend['get'] = (key, at) => {
    this.probes++;
    return this.inner.get(key, at);
  };
  list: Backend['list'] = (range, at) => this.inner.list(range, at);
  write: Backend['write'] = (key, value, expected, o) => this.inner.write(key, value, expected, o);
  remove: Backend['remove'] = (key, expected, o) => this.inner.remove(key, expected, o);
  loaded: Backend['loaded'] = (s) => this.inner.loaded(s);
  compact: Backend['compact'] = (before, s) => this.inner.compact(before, s);
  close: Backend['close'] = () => this.inner.close();

  async *watch(range: KeyRange, after: Revision, s: AbortSignal): AsyncGenerator<WatchBatch, void, void> {
    const broken = new AbortController();
    this.#break = (error) => broken.abort(error);
    for await (const batch of this.inner.watch(range, after, AbortSignal.any([s, broken.signal]))) {
      await this.#held;
      broken.signal.throwIfAborted();
      yield batch;
    }
  }

  hold(): void {
    this.#held = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  release(): void {
    this.#release();
  }

  breakWatch(error: StorageError): void {
    this.#break(error);
  }
}

describe('object store over a backend in trouble', () => {
  let directory = '';
  let remote: Remote;
  let store: ObjectStore;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-cache-'));
    remote = new Remote(await openEmbeddedStore({ directory, clock: systemClock }));
    store = await createObjectStore({ backend: remote, clock: systemClock, log: silentLogger, signal });
  });
  afterEach(async () => {
    remote.release();
    await store.close();
    await remote.close();
    await rm(directory, { recursive: true, force: true });
  });

  const create = async (key: string): Promise<StoredObject> => {
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: key } } as KubeObject;
    const result = await store.create(key, object, options);
    if (result.outcome !== 'written') throw new Error('conflict');
    return result.stored;
  };

  it('goes on where a broken watch ended', async () => {
    const live = record(store, pods, undefined);
    const a = await create(`${pods}ns/a`);
    await live.reach(a.modRevision);
    remote.breakWatch(new StorageError('unavailable', 'connection lost'));
    const b = await create(`${pods}ns/b`);
    expect((await store.get(b.key, { signal }))?.modRevision).toBe(b.modRevision);
    await live.reach(b.modRevision);
    expect(live.events.map(({ revision }) => revision)).toEqual([a.modRevision, b.modRevision]);
    live.cancel();
  });

  it('answers a consistent read only when the cache has caught up, with few probes', async () => {
    remote.hold();
    const a = await create(`${pods}ns/a`);
    expect(store.cached(a.key)).toBeUndefined();
    const before = remote.probes;
    const reads = Array.from({ length: 50 }, () => store.get(a.key, { signal }));
    expect(await store.get(a.key, { signal, notOlderThan: 0n })).toBeUndefined();
    remote.release();
    for (const read of await Promise.all(reads)) expect(read).toBe(store.cached(a.key));
    expect(store.cached(a.key)).toBe(a);
    expect(remote.probes - before).toBeLessThanOrEqual(2);
  });

  it('gives up waiting when the reader does', async () => {
    remote.hold();
    await create(`${pods}ns/a`);
    const stop = new AbortController();
    const read = store.list(pods, { limit: 0, signal: stop.signal });
    stop.abort(new Error('gone'));
    await expect(read).rejects.toThrow('gone');
  });

  it('reads everything again after compaction, and ends only subscriptions that missed something', async () => {
    const kept = await create(`${nodes}n1`);
    const a = await create(`${pods}ns/a`);
    await create(`${pods}ns/b`);
    await store.list(pods, { limit: 0, signal });
    const onPods = record(store, pods, undefined);
    const onNodes = record(store, nodes, undefined);
    remote.hold();
    const gone = await store.remove(a.key, a, options);
    const c = await create(`${pods}ns/c`);
    await remote.compact(c.modRevision, signal);
    remote.breakWatch(new StorageError('compacted', 'too old'));
    remote.release();
    await expect(onPods.ended).resolves.toMatchObject({ reason: 'compacted' });
    const list = await store.list(pods, { limit: 0, signal });
    expect(list.items.map(({ key }) => key)).toEqual([`${pods}ns/b`, `${pods}ns/c`]);
    expect(gone.outcome).toBe('written');
    expect(store.cached(kept.key)).toBe(kept);
    const n2 = await create(`${nodes}n2`);
    await onNodes.reach(n2.modRevision);
    expect(onNodes.events.map(({ revision }) => revision)).toEqual([n2.modRevision]);
    onNodes.cancel();
  });

  it('leaves out what is not an object, and serves the rest', async () => {
    await remote.write(`${pods}ns/strange`, Buffer.from('k8s\0'), 0n, { signal, cause: '{}' });
    const a = await create(`${pods}ns/a`);
    expect((await store.list(pods, { limit: 0, signal })).items.map(({ key }) => key)).toEqual([a.key]);
    await store.close();
    store = await createObjectStore({ backend: remote, clock: systemClock, log: silentLogger, signal });
    expect((await store.list(pods, { limit: 0, signal })).items.map(({ key }) => key)).toEqual([a.key]);
  });

  it('survives a subscriber that throws', async () => {
    let reason: unknown;
    store.subscribe(pods, undefined, {
      onEvents: () => {
        throw new Error('broken subscriber');
      },
      onEnd: (error) => {
        reason = error;
      },
    });
    const live = record(store, pods, undefined);
    await live.reach((await create(`${pods}ns/a`)).modRevision);
    expect(String(reason)).toContain('broken subscriber');
    live.cancel();
  });

  it('ends its subscriptions when it is closed', async () => {
    const live = record(store, pods, undefined);
    await store.close();
    await expect(live.ended).resolves.toBeUndefined();
    expect(() => store.subscribe(pods, undefined, { onEvents: () => {}, onEnd: () => {} })).toThrow('closed');
  });
});
