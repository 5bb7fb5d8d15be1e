import type { ConfigMap } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { Client } from '@slipway/client/client';
import type { EventText } from '@slipway/client/events';
import { type Kind, kinds } from '@slipway/client/kinds';
import { TerminalError } from '@slipway/kit/errors';
import { silentLogger } from '@slipway/kit/logger';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import type { SharedCaches } from './caches.ts';
import { Controller } from './controller.ts';
import type { Outcome } from './controller-definition.ts';
import { PendingWrites } from './pending-writes.ts';

const configMap = (name: string, version: number): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'shop', name, uid: name, resourceVersion: String(version) },
});

/** A controller of config maps, over a cache that the test moves; what it does is the test's to say. */
function running(reconcile: (key: string) => Promise<Outcome>) {
  const clock = new VirtualClock();
  const cache = new ObjectCache<ConfigMap>();
  // The parts of the shared caches that the controller asks for.
  const caches = {
    of: () => cache,
    get: (_: Kind, key: string) => cache.get(key),
    has: () => true,
  } as unknown as SharedCaches;
  const ran: string[] = [];
  const told: EventText[] = [];
  const unused = { send: () => Promise.reject(new Error('no server here')), watch: () => neverEnding() };
  const controller = new Controller(
    {
      name: 'test',
      component: 'test-controller',
      account: 'test-controller',
      primary: kinds.configMaps,
      triggers: [],
      create: () => ({
        reconcile: (key) => {
          ran.push(key);
          return reconcile(key);
        },
      }),
    },
    {
      caches,
      client: new Client(unused),
      events: { record: (event) => told.push(event) },
      clock,
      random: seededRandom(1),
      log: silentLogger,
    },
  );
  const stop = new AbortController();
  controller.subscribe(caches);
  const done = controller.run(stop.signal);
  const change = async (name: string, version: number) => {
    cache.apply([{ object: configMap(name, version), gone: false }], BigInt(version));
    await clock.advance(0);
  };
  const finish = () => {
    stop.abort();
    return done;
  };
  return { clock, cache, ran, told, change, finish };
}

async function* neverEnding(): AsyncGenerator<never[]> {}

describe('Controller', () => {
  it('runs a key that rested at once, and one that ran a moment ago after a while, once', async () => {
    const { clock, ran, change, finish } = running(async () => ({}));
    await change('a', 1);
    expect(ran).toEqual(['shop/a']);
    for (let version = 2; version < 50; version++) await change('a', version);
    expect(ran).toHaveLength(1);
    await clock.advance(20);
    expect(ran).toHaveLength(2);
    await clock.advance(1000);
    expect(ran).toHaveLength(2);
    await finish();
  });

  it('looks less often at what takes long to look at, unless it did so only once', async () => {
    const looks = [30, 0, 30, 40, 500, 500, 0, 0];
    const { clock, ran, change, finish } = running(async () => ({ lookMs: looks.shift() ?? 0 }));
    let version = 0;
    const waits: number[] = [];
    for (let run = 1; run <= 8; run++) {
      await change('a', ++version);
      let waitedMs = 0;
      for (; ran.length < run; waitedMs += 10) await clock.advance(10);
      waits.push(waitedMs);
    }
    expect(waits).toEqual([0, 20, 20, 20, 300, 400, 1000, 20]);
    await finish();
  });

  it('holds a key back until the caches show what it wrote', async () => {
    const pending = new PendingWrites();
    pending.written(kinds.configMaps, configMap('b', 10));
    let outcome: Outcome = { pending };
    const { clock, ran, change, finish } = running(async () => outcome);
    await change('a', 1);
    outcome = {};
    await change('a', 5);
    await clock.advance(1000);
    expect(ran).toHaveLength(1);
    await change('b', 10);
    expect(ran.filter((key) => key === 'shop/a')).toHaveLength(2);
    await finish();
  });

  it('remembers what it wrote before a failure, and tries again when the caches show it', async () => {
    const pending = new PendingWrites();
    pending.written(kinds.configMaps, configMap('b', 10));
    let outcome: Outcome = { pending, failure: new Error('connection reset') };
    const { clock, ran, change, finish } = running(async () => outcome);
    await change('a', 1);
    outcome = {};
    await clock.advance(1000);
    expect(ran).toHaveLength(1);
    await change('b', 10);
    await clock.advance(1000);
    expect(ran.filter((key) => key === 'shop/a')).toHaveLength(2);
    await finish();
  });

  it('does not hold a key for ever', async () => {
    const pending = new PendingWrites();
    pending.written(kinds.configMaps, configMap('b', 10));
    let outcome: Outcome = { pending };
    const { clock, ran, change, finish } = running(async () => outcome);
    await change('a', 1);
    outcome = {};
    await clock.advance(290_000);
    expect(ran).toHaveLength(1);
    await clock.advance(10_000);
    expect(ran).toHaveLength(2);
    await finish();
  });

  it('does not sleep for hours on the word of a clock that may be put right', async () => {
    const { clock, ran, change, finish } = running(async () => ({ againAfterMs: 3_600_000 }));
    await change('a', 1);
    await clock.advance(299_000);
    expect(ran).toHaveLength(1);
    await clock.advance(1_000);
    expect(ran).toHaveLength(2);
    await finish();
  });

  it('retries a failure with growing delay, and begins anew after a success', async () => {
    let failures = 4;
    const { clock, ran, change, finish } = running(async () => {
      if (failures-- > 0) throw new Error('not yet');
      return {};
    });
    await change('a', 1);
    const counts: number[] = [];
    for (const ms of [5, 10, 20, 40, 1000]) {
      await clock.advance(ms);
      counts.push(ran.length);
    }
    expect(counts).toEqual([2, 3, 4, 5, 5]);
    await finish();
  });

  it('tells once what no retry can mend, and waits for a change', async () => {
    const { clock, ran, told, change, finish } = running(async () => {
      throw new TerminalError('no such strategy');
    });
    await change('a', 1);
    await clock.advance(100_000);
    expect(ran).toHaveLength(1);
    expect(told).toMatchObject([{ reason: 'ReconcileFailed', message: 'no such strategy', type: 'Warning' }]);
    await change('a', 2);
    expect(ran).toHaveLength(2);
    await finish();
  });

  it('looks again when it was asked to', async () => {
    const { clock, ran, change, finish } = running(async () => ({ againAfterMs: 5000 }));
    await change('a', 1);
    await clock.advance(4999);
    expect(ran).toHaveLength(1);
    await clock.advance(1);
    expect(ran).toHaveLength(2);
    await finish();
  });

  it('does not run one key twice at the same time', async () => {
    let inWork = 0;
    let most = 0;
    const { clock, change, finish } = running(async () => {
      most = Math.max(most, ++inWork);
      await clock.sleep(100, new AbortController().signal);
      inWork--;
      return {};
    });
    await change('a', 1);
    await change('a', 2);
    await change('b', 3);
    await clock.advance(500);
    expect(most).toBe(2);
    await finish();
  });
});

describe('PendingWrites', () => {
  it('is visible when every kind has reached its version and deleted objects are gone', () => {
    const cache = new ObjectCache<ConfigMap>();
    const caches = {
      of: () => cache,
      get: (_: Kind, key: string) => cache.get(key),
      has: () => true,
    } as unknown as SharedCaches;
    cache.replace([configMap('a', 1), configMap('b', 2)], 2n);
    const pending = new PendingWrites();
    pending.deleted(kinds.configMaps, configMap('a', 1));
    let fired = 0;
    pending.whenVisible(caches, () => fired++);
    expect(fired).toBe(0);
    cache.apply([{ object: configMap('b', 3), gone: false }], 3n);
    expect(fired).toBe(0);
    cache.apply([{ object: configMap('a', 4), gone: true }], 4n);
    cache.apply([{ object: configMap('b', 5), gone: false }], 5n);
    expect(fired).toBe(1);
  });
});
