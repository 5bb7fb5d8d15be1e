/**
 * What Services hold outside of themselves: addresses and node ports. Both live in memory and are taken in one synchronous step, so that
 * two requests at a time never get the same; what is written in the stored Services is the truth that they are rebuilt from. Where other
 * servers write to the same store the memory only chooses, and a claim in the store decides (`claims.ts`).
 *
 * Invariant: between requests, taken = the union over the stored Services. During a request the new ones are taken first; `commit` then
 * gives back what the old version held and the new one does not, `rollback` what was newly taken.
 */
import type { Service } from '@slipway/api/types';
import type { Claims } from './claims.ts';
import { heldBy } from './holdings.ts';
import { ClusterIpAllocator } from './cluster-ip-allocator.ts';
import { defaultNodePortRange, NodePortAllocator, type PortRange } from './node-port-allocator.ts';

export interface ServiceAllocators {
  readonly clusterIps: ClusterIpAllocator;
  readonly nodePorts: NodePortAllocator;
  /** Absent when this process is the store's only writer. */
  readonly claims?: Claims;
}

export function createServiceAllocators(options: {
  /** `10.96.0.0/16` */
  readonly serviceCidr: string;
  readonly nodePortRange?: PortRange;
  readonly claims?: Claims | undefined;
}): ServiceAllocators {
  return {
    clusterIps: new ClusterIpAllocator(options.serviceCidr),
    nodePorts: new NodePortAllocator(options.nodePortRange ?? defaultNodePortRange),
    ...(options.claims ? { claims: options.claims } : {}),
  };
}

/**
 * Takes what the stored Services hold and nothing else. Call it before the first request is answered. Returns what could not be taken, one
 * text each: a Service outside of a block that was changed, or two that hold the same.
 */
export function restoreServiceAllocations(allocators: ServiceAllocators, services: Iterable<Service>): string[] {
  allocators.clusterIps.clear();
  allocators.nodePorts.clear();
  const problems: string[] = [];
  for (const service of services) {
    const { addresses, ports } = heldBy(service);
    const named = `service ${service.metadata.namespace}/${service.metadata.name}`;
    for (const address of addresses) {
      const problem = allocators.clusterIps.take(address);
      if (problem !== undefined) problems.push(`${named}, cluster IP ${address}: ${problem}`);
    }
    for (const port of ports) {
      const problem = allocators.nodePorts.take(port);
      if (problem !== undefined) problems.push(`${named}, node port ${port}: ${problem}`);
    }
  }
  return problems;
}
