/** The embedded store served by the etcd API, in this process, in plain text. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { type EmbeddedStore, openEmbeddedStore } from '../embedded/embedded-store.ts';
import { type EtcdApiOptions, startEtcdApi } from '../etcd-api/etcd-api-server.ts';

export interface ServedStore {
  readonly url: string;
  readonly store: EmbeddedStore;
  stop(): Promise<void>;
}

export async function startServedStore(tls?: EtcdApiOptions['tls']): Promise<ServedStore> {
  const directory = await mkdtemp(join(tmpdir(), 'slipway-served-'));
  const store = await openEmbeddedStore({ directory, clock: systemClock });
  const server = await startEtcdApi(
    { host: '127.0.0.1', port: 0, ...(tls ? { tls } : {}) },
    { store, clock: systemClock, random: systemRandom, log: silentLogger },
  );
  return {
    url: server.url,
    store,
    stop: async () => {
      await server.close();
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
