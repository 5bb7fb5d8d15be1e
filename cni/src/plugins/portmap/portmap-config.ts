import { CniError } from '../../spec/cni-error.ts';
import { optionalBoolean } from '../../spec/json.ts';
import { type IpAddress, parseAddress } from '../../spec/ip-address.ts';
import type { NetworkConfig, PortMapping } from '../../spec/types.ts';

export interface PortmapConfig {
  /** Masquerade what would otherwise be answered past the host: hairpins and 127.0.0.1. */
  readonly snat: boolean;
  readonly mappings: readonly Mapping[];
}

export interface Mapping {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly hostPort: number;
  readonly containerPort: number;
  /** Only on this address of the host; on all of them when undefined. */
  readonly hostIp: IpAddress | undefined;
  /** Which family an unspecified address (0.0.0.0, ::) limits the mapping to. */
  readonly family: 4 | 6 | undefined;
}

export function parsePortmapConfig(network: NetworkConfig): PortmapConfig {
  const mappings = network.runtimeConfig?.portMappings ?? [];
  if (!Array.isArray(mappings)) throw invalid('runtimeConfig.portMappings is not a list');
  return { snat: optionalBoolean(network, 'snat') ?? true, mappings: mappings.map(parseMapping) };
}

function parseMapping(raw: PortMapping): Mapping {
  const protocol = (raw.protocol || 'tcp').toLowerCase();
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') throw invalid(`invalid protocol ${protocol}`);
  const hostAddress = raw.hostIP ? parseAddress(raw.hostIP) : undefined;
  return {
    protocol,
    hostPort: port(raw.hostPort, 'host'),
    containerPort: port(raw.containerPort, 'container'),
    hostIp: hostAddress?.value === 0n ? undefined : hostAddress,
    family: hostAddress?.family,
  };
}

function port(value: unknown, which: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  throw invalid(`invalid ${which} port number: ${String(value)}`);
}

function invalid(message: string): CniError {
  return new CniError('invalidNetworkConfig', message);
}
