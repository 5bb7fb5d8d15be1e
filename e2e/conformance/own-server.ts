import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiServerConfig, clientIdentities, createApiServer, openEmbeddedStore } from '@slipway/apiserver';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import type { Found } from './target.ts';

/** Our own API server in this process, on an empty directory and a free port. */
export async function startOwnServer(): Promise<Found> {
  const dataDir = await mkdtemp(join(tmpdir(), 'slipway-conformance-'));
  const backend = await openEmbeddedStore({ directory: join(dataDir, 'store'), clock: systemClock });
  const server = await createApiServer(apiServerConfig({ dataDir, securePort: 0 }), {
    backend,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
  });
  const stopping = new AbortController();
  const running = server.run(stopping.signal);
  await Promise.race([server.ready, running]);
  const { certificate, privateKey } = await server.pki.clientCertificate(clientIdentities.admin);
  return {
    endpoint: { url: `https://${server.address.host}:${server.address.port}`, ca: server.pki.caCertificate },
    identity: { certificate, key: privateKey },
    forgetHistory: (revision) => backend.compact(revision, stopping.signal),
    stop: async () => {
      stopping.abort();
      await running;
      await backend.close();
      await rm(dataDir, { recursive: true });
    },
  };
}
