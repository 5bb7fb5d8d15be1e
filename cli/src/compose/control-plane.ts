/** API server, controllers and scheduler in one process: the store is opened here and closed last. */
import { readFile } from 'node:fs/promises';
import {
  type ApiServer,
  apiServerConfig,
  type Backend,
  clientIdentities,
  createApiServer,
  createPodConnect,
  parseTokenFile,
  type Pki,
} from '@slipway/apiserver';
import type { Transport } from '@slipway/api/transport';
import { writeKubeconfig } from '@slipway/client/kubeconfig';
import {
  type ControllerManager,
  createControllerManager,
  type SchedulerConfiguration,
  type SharedCaches,
} from '@slipway/controllers';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { Config } from '../config.ts';
import { CommandError } from '../usage-error.ts';
import { localAccounts } from './accounts.ts';
import { leadingControllers } from './leading-controllers.ts';
import { processIdentity } from './process-identity.ts';
import { ownKindIds, ownKinds } from './own-kinds.ts';
import { openStorage } from './storage.ts';

export interface ProcessDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A part that runs until its signal aborts, and is of use once `ready` resolved. */
export interface Part {
  readonly name: string;
  readonly ready: Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

export interface ApiServerPart extends Part {
  readonly server: ApiServer;
  readonly backend: Backend;
}

export async function composeApiServer(config: Config, deps: ProcessDeps): Promise<ApiServerPart> {
  const { clock, random, log } = deps;
  const backend = await openStorage(config, clock);
  try {
    const server = await createApiServer(
      apiServerConfig({
        dataDir: config.dataDir,
        bindAddress: config.bindAddress,
        securePort: config.securePort,
        serviceClusterIpRange: config.serviceCidr,
        limits: config.limits,
        eventTtlMs: config.eventTtlMs,
        ...(config.ecsPort === 0 ? {} : { ecs: { port: config.ecsPort, accountId: config.ecsAccountId } }),
        ...(config.tokenAuthFile === undefined ? {} : { staticTokens: await readTokens(config.tokenAuthFile) }),
      }),
      {
        backend,
        clock,
        random,
        log: log.child({ part: 'apiserver' }),
        connect: (pki) => createPodConnect(() => agentCredentials(pki), { clock, random }),
        ownKinds: ownKinds(config),
      },
    );
    const run = (signal: AbortSignal) => server.run(signal);
    return { name: 'API server', server, backend, ready: server.ready, run };
  } catch (error) {
    await backend.close();
    throw error;
  }
}

async function readTokens(path: string) {
  try {
    return parseTokenFile(await readFile(path, 'utf8'));
  } catch (error) {
    throw new CommandError(`--token-auth-file ${path}: ${messageOf(error)}`);
  }
}

async function agentCredentials(pki: Pki) {
  const { certificate, privateKey } = await pki.clientCertificate(clientIdentities.agentClient);
  return { ca: pki.caCertificate, certificate, key: privateKey };
}

/** The administrator's kubeconfig, for whoever may read the data directory. */
export async function writeAdminKubeconfig({ kubeconfig }: Config, server: ApiServer): Promise<void> {
  const { certificate, privateKey } = await server.pki.clientCertificate(clientIdentities.admin);
  const { host, port } = server.address;
  const connection = {
    server: `https://${hostForUrl(host)}:${port}`,
    ca: server.pki.caCertificate,
    cert: certificate,
    key: privateKey,
  };
  await writeKubeconfig(kubeconfig, connection, { cluster: 'slipway', user: 'admin' });
}

/** The certificate in it is made anew long before it ends. */
const kubeconfigEveryMs = 3600_000;

export async function keepAdminKubeconfig(
  config: Config,
  server: ApiServer,
  { clock, log }: ProcessDeps,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(kubeconfigEveryMs, signal).catch(() => {});
    if (signal.aborted) return;
    const failed = (error: unknown) => log.warn({ error: messageOf(error) }, 'kubeconfig not written');
    await writeAdminKubeconfig(config, server).catch(failed);
  }
}

/** "All addresses" is nowhere to connect to; this machine reaches itself by loopback. */
function hostForUrl(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/** Controllers and scheduler over the server of the same process. */
export function composeControllers(
  config: Config,
  server: ApiServer,
  deps: ProcessDeps & { readonly scheduler: SchedulerConfiguration | undefined },
): Part {
  const create = (fenced = (transport: Transport) => transport, caches?: SharedCaches): ControllerManager => {
    const transportAs = localAccounts(server);
    return createControllerManager({
      ...deps,
      ...(caches ? { caches } : {}),
      log: deps.log.child({ part: 'controllers' }),
      transport: fenced(server.transport({ name: 'system:kube-controller-manager', groups: [] })),
      transportAs: (account) => fenced(transportAs(account)),
      config: {
        resources: server.resources,
        caPem: server.pki.caCertificate,
        certificateValidMs: config.signingDurationMs,
        signCertificate: (order) => server.pki.signRequest(order),
        signAccountToken: (order) => server.signAccountToken(order),
        clusterCidr: config.clusterCidr,
        serviceCidr: config.serviceCidr,
        ownKinds: ownKindIds(),
        controllers: config.controllers.split(','),
        ...(deps.scheduler ? { scheduler: deps.scheduler } : {}),
      },
    });
  };
  if (config.etcd) {
    // Other processes may run controllers on the same store.
    const transport = server.transport({ name: 'system:kube-controller-manager', groups: [] });
    const identity = () => processIdentity(config.dataDir, 'up', deps.random);
    return leadingControllers({ transport, identity, create, times: config.leaseTimes, lease: config.lease }, deps);
  }
  // Made when the server is there: only then it says which kinds of our own it serves.
  const ready = Promise.withResolvers<void>();
  const run = (signal: AbortSignal) => {
    const manager = create();
    manager.ready.then(ready.resolve, ready.reject);
    return manager.run(signal);
  };
  return { name: 'controllers', ready: ready.promise, run };
}
