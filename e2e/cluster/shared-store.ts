import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApiServer, apiServerConfig, type Backend, createApiServer, openEmbeddedStore } from '@slipway/apiserver';
import { openPki } from '@slipway/apiserver/pki';
import { Client } from '@slipway/client/client';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';

export interface ServerOfStore {
  readonly server: ApiServer;
  /** As a cluster admin, in process. */
  readonly client: Client;
  stop(): Promise<void>;
}

export interface SharedStore {
  readonly signal: AbortSignal;
  /** Rejects when the server cannot serve. */
  startServer(options?: { readonly ownKeys?: boolean }): Promise<ServerOfStore>;
  stop(): Promise<void>;
}

/** Several API servers in this process on one embedded store, each as if the others were processes of their own. */
export async function createSharedStore(): Promise<SharedStore> {
  const directory = await mkdtemp(join(tmpdir(), 'slipway-shared-store-'));
  const backend = await openEmbeddedStore({ directory: join(directory, 'store'), clock: systemClock });
  const shared = asShared(backend);
  await openPki(join(directory, 'keys'), { clock: systemClock, random: systemRandom });
  const running = new Set<ServerOfStore>();
  let started = 0;

  async function startServer({ ownKeys = false } = {}): Promise<ServerOfStore> {
    const dataDir = join(directory, `server-${started++}`);
    if (!ownKeys) await copyKeys(join(directory, 'keys'), join(dataDir, 'pki'));
    const server = await createApiServer(apiServerConfig({ dataDir, securePort: 0 }), {
      backend: shared,
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
    });
    const stopping = new AbortController();
    const serving = server.run(stopping.signal);
    const result = {
      server,
      client: new Client(server.transport({ name: 'kubernetes-admin', groups: ['system:masters'] })),
      stop: async () => {
        running.delete(result);
        stopping.abort();
        await serving;
      },
    };
    running.add(result);
    try {
      await Promise.race([server.ready, serving]);
    } catch (error) {
      running.delete(result);
      throw error;
    }
    return result;
  }

  return {
    signal: new AbortController().signal,
    startServer,
    stop: async () => {
      await Promise.all([...running].map((server) => server.stop()));
      await backend.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** What servers of one cluster must have in common. */
export async function copyKeys(from: string, to: string): Promise<void> {
  for (const key of ['ca.crt', 'ca.key', 'service-account.key']) await cp(join(from, key), join(to, key));
}

/** A backend that says of itself that others write to it too. */
function asShared(backend: Backend): Backend {
  return {
    isLocal: false,
    get: (key, options) => backend.get(key, options),
    list: (range, options) => backend.list(range, options),
    write: (key, value, expected, options) => backend.write(key, value, expected, options),
    remove: (key, expected, options) => backend.remove(key, expected, options),
    watch: (range, after, signal) => backend.watch(range, after, signal),
    // Another server may be at work on it.
    loaded: () => Promise.resolve(),
    compact: (before, signal) => backend.compact(before, signal),
    close: () => backend.close(),
  };
}
