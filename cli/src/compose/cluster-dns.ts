import type { ApiServer } from '@slipway/apiserver';
import { Client } from '@slipway/client/client';
import { ensureDnsService, hostInCidr } from '@slipway/kubelet-agent';
import type { Config } from '../config.ts';

/** The tenth address of the services is the DNS server's, as everywhere. */
const dnsHost = 10;
/** May read that one Service and create one, in kube-system: see the role of this name in the API server's policy. */
const installer = { name: 'system:slipway:dns-installer', groups: [] };

export function clusterDnsAddress(config: Config): string {
  return hostInCidr(config.serviceCidr, dnsHost);
}

/** Makes the Service by which tools and people know the DNS server that every node runs. */
export async function ensureClusterDns(config: Config, server: ApiServer, signal: AbortSignal): Promise<void> {
  const client = new Client(server.transport(installer), { controller: 'cluster-dns' });
  await ensureDnsService(client, clusterDnsAddress(config), signal);
}
