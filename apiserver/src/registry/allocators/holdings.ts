import type { Service } from '@slipway/api/types';

export interface Holdings {
  readonly addresses: ReadonlySet<string>;
  readonly ports: ReadonlySet<number>;
}

/** What a Service has outside of itself. */
export function heldBy(service: Service | undefined): Holdings {
  const addresses = new Set<string>();
  const ports = new Set<number>();
  const spec = service?.spec;
  if (spec && spec.type !== 'ExternalName') {
    for (const address of spec.clusterIPs ?? []) if (address && address !== 'None') addresses.add(address);
    for (const { nodePort } of spec.ports ?? []) if (nodePort) ports.add(nodePort);
    if (spec.healthCheckNodePort) ports.add(spec.healthCheckNodePort);
  }
  return { addresses, ports };
}
