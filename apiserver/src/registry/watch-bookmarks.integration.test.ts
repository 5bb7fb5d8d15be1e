/** When a watcher is told how far it is, on a clock that the test moves, over a store that is real. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtInSchemas } from '@slipway/api/schema/built-in-schemas';
import type { KubeObject } from '@slipway/api/types';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import type { Backend } from '../storage/backend.ts';
import { createObjectStore } from '../storage/create-object-store.ts';
import { openEmbeddedStore } from '../storage/embedded/embedded-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { configMapStrategy } from './strategies/cluster/config-map.ts';
import type { Strategy } from './strategy.ts';
import { type WatchChange, type WatchQuery, watchObjects } from './watch-objects.ts';

const minuteMs = 60_000;
const stop = new AbortController();
const { signal } = stop;

let directory: string;
let backend: Backend;
let objects: ObjectStore;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'slipway-bookmarks-'));
  backend = await openEmbeddedStore({ directory, clock: systemClock });
  objects = await createObjectStore({ backend, clock: systemClock, log: silentLogger, signal });
});
afterAll(async () => {
  stop.abort();
  await objects.close();
  await backend.close();
  await rm(directory, { recursive: true });
});

function watch(clock: VirtualClock, query: Partial<WatchQuery>) {
  const schema = builtInSchemas.kind(configMapStrategy.resource);
  if (!schema) throw new Error('there are config maps');
  const context = {
    strategy: configMapStrategy as unknown as Strategy,
    schema,
    objects,
    clock,
    random: seededRandom(1),
  };
  const whole = { timeoutMs: 10 * minuteMs, backlogBytesMax: 1_000_000, allowWatchBookmarks: true, ...query };
  const call = { signal, user: { name: 'a', groups: [] }, warnings: [] };
  return watchObjects(context, 'default', undefined, whole, call);
}

async function write(resource: string, name: string): Promise<bigint> {
  const object = { kind: 'X', apiVersion: 'v1', metadata: { name, namespace: 'default' } } as KubeObject;
  const key = `/registry/core/${resource}/default/${name}`;
  const { outcome, ...rest } = await objects.create(key, object, { signal, cause: { verb: 'test' } });
  if (outcome !== 'written' || !('stored' in rest) || !rest.stored) throw new Error(outcome);
  return rest.stored.modRevision;
}

describe('bookmarks', () => {
  it('come every minute and before the end, and never say more than was told', async () => {
    const clock = new VirtualClock();
    const seen: WatchChange[] = [];
    const first = await write('configmaps', 'first');
    const watching = (async () => {
      for await (const batches of watch(clock, { timeoutMs: 2.5 * minuteMs, resourceVersion: String(first) })) {
        seen.push(...batches.flat());
      }
    })();
    await clock.advance(0);
    const second = await write('configmaps', 'second');
    await clock.advance(minuteMs);
    await clock.advance(minuteMs);
    await clock.advance(minuteMs);
    await watching;
    expect(seen.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK', 'BOOKMARK', 'BOOKMARK']);
    for (const change of seen) {
      if (change.type === 'BOOKMARK') expect(change.revision).toBeGreaterThanOrEqual(second);
      if (change.type === 'BOOKMARK') expect(change.revision).toBeLessThanOrEqual(objects.revision);
    }
  });

  it('follow what happens to other resources', async () => {
    const clock = new VirtualClock();
    const iterator = watch(clock, { resourceVersion: String(objects.revision) });
    const next = iterator.next();
    await clock.advance(0);
    // Told after the watch, which listened before it.
    const { promise: told, resolve } = Promise.withResolvers<void>();
    const leave = objects.subscribe('/registry/core/configmaps/default/', undefined, {
      onEvents: () => {},
      onProgress: () => resolve(),
      onEnd: () => {},
    });
    const elsewhere = await write('secrets', 'elsewhere');
    await told;
    leave();
    await clock.advance(minuteMs);
    const { value } = await next;
    expect(value?.flat()).toEqual([{ type: 'BOOKMARK', revision: elsewhere, isEndOfInitialEvents: false }]);
    await iterator.return();
  });
});
