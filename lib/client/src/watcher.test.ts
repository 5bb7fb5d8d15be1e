import { StatusError } from '@slipway/api/status-error';
import type { ApiRequest, Transport, WatchEvent, WatchRequest } from '@slipway/api/transport';
import type { ConfigMap } from '@slipway/api/types';
import { silentLogger } from '@slipway/kit/logger';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { ObjectCache } from './cache.ts';
import { kinds } from './kinds.ts';
import { createWatcher } from './watcher.ts';

const configMap = (name: string, version: number): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'shop', name, uid: name, resourceVersion: String(version) },
});

const event = (type: WatchEvent['type'], name: string, version: number): WatchEvent => ({
  type,
  object: configMap(name, version),
});

type WatchScript = (request: WatchRequest, signal: AbortSignal) => AsyncIterable<readonly WatchEvent[]>;

/** Answers lists and watches in the order of a script and notes what was asked; the last watch stays open. */
function scripted(lists: readonly (() => unknown)[], watches: readonly WatchScript[]) {
  const asked: string[] = [];
  let list = 0;
  let watch = 0;
  const transport: Transport = {
    send: async ({ options }: ApiRequest) => {
      asked.push(`list${options?.continue ? ` continue=${options.continue}` : ''}`);
      const answer = lists[list++];
      if (!answer) throw new Error('no more lists in the script');
      return answer();
    },
    watch: (request, signal) => {
      asked.push(`watch ${request.options?.resourceVersion}`);
      return (watches[watch++] ?? open)(request, signal);
    },
  };
  return { transport, asked };
}

async function* open(_: WatchRequest, signal: AbortSignal): AsyncGenerator<readonly WatchEvent[]> {
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

const page =
  (items: ConfigMap[], resourceVersion: number, next = '') =>
  () => ({
    metadata: { resourceVersion: String(resourceVersion), continue: next },
    items,
  });
const fail = (error: Error) => () => {
  throw error;
};
const events = (...batches: WatchEvent[][]): WatchScript =>
  async function* () {
    yield* batches;
  };

function watching(lists: readonly (() => unknown)[], watches: readonly WatchScript[]) {
  const { transport, asked } = scripted(lists, watches);
  const clock = new VirtualClock();
  const cache = new ObjectCache<ConfigMap>();
  const watcher = createWatcher({
    transport,
    clock,
    random: seededRandom(1),
    log: silentLogger,
    kind: kinds.configMaps,
    cache,
  });
  const stop = new AbortController();
  const done = watcher.run(stop.signal);
  const names = () => cache.list().map(({ metadata }) => metadata.name);
  const finish = () => {
    stop.abort();
    return done;
  };
  return { asked, clock, cache, watcher, names, finish };
}

describe('createWatcher', () => {
  it('lists page by page, then watches from the list', async () => {
    const { asked, clock, watcher, names, finish } = watching(
      [page([configMap('a', 1)], 5, 'next'), page([configMap('b', 2)], 5)],
      [],
    );
    await watcher.ready;
    expect(names()).toEqual(['a', 'b']);
    await clock.advance(0);
    await finish();
    expect(asked).toEqual(['list', 'list continue=next', 'watch 5']);
  });

  it('follows events and bookmarks, and resumes after them when the server ends the watch', async () => {
    const { asked, clock, cache, names, finish } = watching(
      [page([configMap('a', 1)], 5)],
      [
        events(
          [event('ADDED', 'b', 6), event('DELETED', 'a', 7)],
          [{ type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } }],
        ),
      ],
    );
    await clock.advance(0);
    expect(names()).toEqual(['b']);
    expect(cache.resourceVersion).toBe(9n);
    await finish();
    expect(asked).toEqual(['list', 'watch 5', 'watch 9']);
  });

  it('lists anew when its version is too old, and swaps the content', async () => {
    const { asked, clock, names, finish } = watching(
      [page([configMap('a', 1)], 5), page([configMap('c', 8)], 20)],
      [() => fail(new StatusError('Expired', 'too old'))()],
    );
    await clock.advance(0);
    expect(names()).toEqual(['c']);
    await finish();
    expect(asked).toEqual(['list', 'watch 5', 'list', 'watch 20']);
  });

  it('resumes at its version after a broken connection, with growing patience', async () => {
    const broken: WatchScript = () => fail(new Error('connection reset'))();
    const { asked, clock, finish } = watching([page([], 5)], [broken, broken, broken]);
    await clock.advance(0);
    expect(asked).toEqual(['list', 'watch 5']);
    await clock.advance(80);
    expect(asked).toHaveLength(3);
    await clock.advance(500);
    await finish();
    expect(asked).toEqual(['list', 'watch 5', 'watch 5', 'watch 5', 'watch 5']);
  });

  it('does not spin on a server that ends watches at once', async () => {
    const { asked, clock, finish } = watching(
      [page([], 5)],
      Array.from({ length: 50 }, () => events()),
    );
    await clock.advance(1000);
    await finish();
    expect(asked.length).toBeLessThan(10);
  });

  it('waits for a server that is away', async () => {
    const { clock, watcher, names, finish } = watching(
      [fail(new Error('refused')), fail(new Error('refused')), page([configMap('a', 1)], 5)],
      [],
    );
    await clock.advance(0);
    await clock.advance(1000);
    await watcher.ready;
    expect(names()).toEqual(['a']);
    await finish();
  });

  it('asks for everything at once when pages expire midway', async () => {
    const { asked, clock, names, finish } = watching(
      [page([configMap('a', 1)], 5, 'next'), fail(new StatusError('Expired', 'too old')), page([configMap('b', 1)], 9)],
      [],
    );
    await clock.advance(0);
    await clock.advance(1000);
    expect(names()).toEqual(['b']);
    await finish();
    expect(asked).toEqual(['list', 'list continue=next', 'list', 'watch 9']);
  });

  it('freezes what came over the wire', async () => {
    const { watcher, cache, finish } = watching([page([configMap('a', 1)], 5)], []);
    await watcher.ready;
    expect(Object.isFrozen(cache.get('shop/a')?.metadata)).toBe(true);
    await finish();
  });
});
