/** Three etcd members and two API servers, each a process, with one authority; and a balancer before the servers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientIdentities } from '@slipway/apiserver';
import { openPki } from '@slipway/apiserver/pki';
import { createHttpTransport, type HttpTransport } from '@slipway/client/http-transport';
import { type Connection, writeKubeconfig } from '@slipway/client/kubeconfig';
import { systemClock } from '@slipway/kit/clock';
import { systemRandom } from '@slipway/kit/random';
import { type Balancer, startBalancer } from './balancer.ts';
import { type EtcdMembers, startEtcdMembers } from './etcd-members.ts';
import { freePorts } from './free-ports.ts';
import { RoleProcess } from './server-process.ts';
import { copyKeys } from './shared-store.ts';

export interface ClusterOfProcesses {
  readonly directory: string;
  readonly members: EtcdMembers;
  readonly servers: readonly [RoleProcess, RoleProcess];
  /** Of the servers. */
  readonly urls: readonly string[];
  /** As a cluster admin: to the first server, to the second, to the balancer. */
  readonly transports: readonly HttpTransport[];
  /** A kubeconfig that leads to the balancer. */
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

const requestTimeoutMs = 5_000;

/** The members may be run in another way than as processes. */
export async function startClusterOfProcesses(
  startMembers: () => Promise<EtcdMembers> = startEtcdMembers,
): Promise<ClusterOfProcesses> {
  const directory = await mkdtemp(join(tmpdir(), 'slipway-cluster-'));
  const pki = await openPki(join(directory, 'keys'), { clock: systemClock, random: systemRandom });
  const admin = await pki.clientCertificate(clientIdentities.admin);
  const members = await startMembers();
  const ports = await freePorts(2);
  const serverAt = async (port: number) => {
    const dataDir = join(directory, `server-${port}`);
    await copyKeys(join(directory, 'keys'), join(dataDir, 'pki'));
    const flags = { 'data-dir': dataDir, 'secure-port': port, storage: 'etcd', 'log-level': 'warn' };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    return new RoleProcess(['apiserver', ...args, `--etcd-servers=${members.endpoints.join(',')}`]);
  };
  const [first = 0, second = 0] = ports;
  const servers = [await serverAt(first), await serverAt(second)] as const;
  let balancer: Balancer | undefined;
  const transports: HttpTransport[] = [];
  const stop = async () => {
    for (const transport of transports) transport.close();
    await balancer?.stop();
    await Promise.all(servers.map((server) => server.end('SIGKILL')));
    await members.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    // Both at once, on an empty store.
    await Promise.all(servers.map((server) => server.start()));
    balancer = await startBalancer(ports);
    const kubeconfig = join(directory, 'balanced.kubeconfig');
    for (const port of [...ports, balancer.port]) {
      const { certificate: cert, privateKey: key } = admin;
      const connection: Connection = { server: `https://127.0.0.1:${port}`, ca: pki.caCertificate, cert, key };
      transports.push(createHttpTransport({ connection, clock: systemClock, requestTimeoutMs }));
      await writeKubeconfig(kubeconfig, connection, { cluster: 'slipway', user: 'admin' });
    }
    const urls = ports.map((port) => `https://127.0.0.1:${port}`);
    return { directory, members, servers, urls, transports, kubeconfig, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
