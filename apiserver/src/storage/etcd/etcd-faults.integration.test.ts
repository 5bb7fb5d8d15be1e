import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { isEtcdInstalled, startEtcd } from '../conformance/etcd-process.ts';
import { record } from '../conformance/object-store.suite.ts';
import { createObjectStore } from '../create-object-store.ts';
import { openEtcdStore } from './etcd-store.ts';

const { signal } = new AbortController();
const isInstalled = isEtcdInstalled();

describe('etcd store, when nobody answers', () => {
  it('says that etcd is unavailable', async () => {
    const store = openEtcdStore({ endpoints: ['http://127.0.0.1:1'], clock: systemClock });
    const unavailable = { name: 'StorageError', reason: 'unavailable' };
    await expect(store.get('/registry/a', { signal })).rejects.toMatchObject(unavailable);
    const options = { signal, cause: '{}', ttlMs: 1_000 };
    await expect(store.write('/registry/a', Buffer.of(1), 0n, options)).rejects.toMatchObject(unavailable);
    const next = store.watch({ from: '/a', to: '/b' }, 1n, signal)[Symbol.asyncIterator]().next();
    await expect(next).rejects.toMatchObject(unavailable);
    await store.close();
  });
});

const title = isInstalled ? 'etcd store over a restart of etcd' : 'etcd store (skipped: no etcd binary on the PATH)';
(isInstalled ? describe : describe.skip)(title, () => {
  it('goes on: nothing missed, nothing repeated', async () => {
    const server = await startEtcd();
    const backend = openEtcdStore({ endpoints: [server.endpoint], clock: systemClock });
    const store = await createObjectStore({ backend, clock: systemClock, log: silentLogger, signal });
    const live = record(store, '/registry/core/pods/', undefined);
    const create = async (name: string) => {
      const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name } };
      const result = await store.create(`/registry/core/pods/ns/${name}`, object, { signal, cause: {} });
      if (result.outcome !== 'written') throw new Error('conflict');
      return result.stored.modRevision;
    };
    const before = await create('a');
    await server.restart();
    const after = await eventually(() => create('b'));
    await live.reach(after);
    expect(live.events.map(({ revision }) => revision)).toEqual([before, after]);
    expect((await store.list('/registry/core/pods/', { signal, limit: 0 })).items).toHaveLength(2);
    live.cancel();
    await store.close();
    await backend.close();
    await server.stop();
  }, 40_000);
});

async function eventually<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      expect(error).toMatchObject({ reason: 'unavailable' });
      await systemClock.sleep(100, signal);
    }
  }
}
