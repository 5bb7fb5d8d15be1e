import { isStatus } from '@slipway/api/status-error';
import type { Service } from '@slipway/api/types';
import type { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';

export const dnsServiceRef = { namespace: 'kube-system', name: 'kube-dns' } as const;

/**
 * Makes the Service that names the DNS server's address, as tools expect it, unless it is there. It has no selector: each
 * node answers the address itself. Whoever gives it one, to run another server, has the service proxy lead there instead.
 * Answers the address that counts. Idempotent, and safe to be called by several nodes at once.
 */
export async function ensureDnsService(client: Client, dnsIp: string, signal: AbortSignal): Promise<string> {
  const existing = await findService(client, signal);
  if (existing) return existing.spec.clusterIP ?? dnsIp;
  try {
    await client.create(kinds.services, dnsService(dnsIp), { signal });
  } catch (error) {
    if (!isStatus(error, 'AlreadyExists')) throw error;
  }
  return dnsIp;
}

async function findService(client: Client, signal: AbortSignal): Promise<Service | undefined> {
  try {
    return await client.get(kinds.services, dnsServiceRef, { signal });
  } catch (error) {
    if (isStatus(error, 'NotFound')) return undefined;
    throw error;
  }
}

export function dnsService(dnsIp: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...dnsServiceRef,
      labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'slipway-dns' },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: dnsIp,
      clusterIPs: [dnsIp],
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
      ],
    },
  };
}
