/** A role in a process of its own reaches the API servers by a kubeconfig. */
import { existsSync } from 'node:fs';
import { type HttpTransport, createHttpTransport } from '@slipway/client/http-transport';
import { loadInCluster } from '@slipway/client/in-cluster';
import { type Connection, loadKubeconfig } from '@slipway/client/kubeconfig';
import type { Clock } from '@slipway/kit/clock';
import type { Config } from '../config.ts';

export interface Remote {
  readonly connection: Connection;
  readonly transport: HttpTransport;
}

export async function connectRemote(config: Config, clock: Clock, role: string): Promise<Remote> {
  return remoteOf(await loadConnection(config), clock, role);
}

/** What the kubeconfig says, or a pod's surroundings where there is none, with the servers of `--server` in place of its own when there are any. Throws `KubeconfigError`. */
export async function loadConnection({ kubeconfig, inCluster, servers }: Config): Promise<Connection> {
  const connection =
    inCluster && !existsSync(kubeconfig) ? await loadInCluster(inCluster) : await loadKubeconfig(kubeconfig);
  const [server, ...otherServers] = servers;
  return server === undefined ? connection : { ...connection, server, otherServers };
}

export function remoteOf(connection: Connection, clock: Clock, role: string): Remote {
  return { connection, transport: createHttpTransport({ connection, clock, userAgent: `slipway-${role}` }) };
}
