import { CniError } from '../../spec/cni-error.ts';
import { fields, optionalBoolean, optionalNumber } from '../../spec/json.ts';
import { type IpAddress, parseAddress } from '../../spec/ip-address.ts';
import type { NetworkConfig } from '../../spec/types.ts';

export interface PortmapConfig {
  /** Masquerade what would otherwise be answered past the host: hairpins and 127.0.0.1. */
  readonly snat: boolean;
  /** Masquerade everything that comes by a mapped port. */
  readonly masqAll: boolean;
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

const portMax = 65_535;
/** Ports of one container, ranges counted out: more than one transaction should carry. */
const mappingsMax = 400;

export function parsePortmapConfig(network: NetworkConfig): PortmapConfig {
  refuseForeignKeys(network);
  const raw: unknown = network.runtimeConfig?.portMappings ?? [];
  if (!Array.isArray(raw)) throw invalid('runtimeConfig.portMappings is not a list');
  const mappings = raw.flatMap((each, i) => parseMapping(each, `portMappings[${i}]`));
  if (mappings.length > mappingsMax) {
    throw invalid(`runtimeConfig.portMappings: ${mappings.length} ports of one container, at most ${mappingsMax}`);
  }
  requireDistinct(mappings);
  const masqAll = optionalBoolean(network, 'masqAll') ?? false;
  return { snat: masqAll || (optionalBoolean(network, 'snat') ?? true), masqAll, mappings };
}

/**
 * What the reference plugin reads beyond. Conditions are arguments for a rule per container, and we have none; a chain that
 * marks packets would be iptables'. No packet is marked, so that a bit to mark with can be anything.
 */
function refuseForeignKeys(network: NetworkConfig): void {
  for (const key of ['conditionsV4', 'conditionsV6', 'externalSetMarkChain'] as const) {
    const value = network[key];
    if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) continue;
    throw new CniError('unsupportedField', `portmap: ${key} is not supported`);
  }
  if (network.backend !== undefined && network.backend !== 'nftables') {
    throw new CniError(
      'unsupportedField',
      `portmap: backend ${JSON.stringify(network.backend)}: there is only nftables`,
    );
  }
  const bit = optionalNumber(network, 'markMasqBit');
  if (bit !== undefined && (bit < 0 || bit > 31)) throw invalid('markMasqBit must be between 0 and 31');
}

/** A range is as many mappings, the ports going up side by side. */
function parseMapping(raw: unknown, where: string): readonly Mapping[] {
  const object = fields(raw, `runtimeConfig.${where}`);
  const protocol = String(object.protocol || 'tcp').toLowerCase();
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')
    throw invalid(`${where}: invalid protocol ${protocol}`);
  const hostAddress = object.hostIP ? parseHostIp(object.hostIP, where) : undefined;
  const range = optionalNumber(object, 'range') || 1;
  if (!Number.isInteger(range) || range < 1 || range > mappingsMax) throw invalid(`${where}: invalid range ${range}`);
  return Array.from({ length: range }, (_, i) => ({
    protocol,
    hostPort: port(object.hostPort, 'host', i),
    containerPort: port(object.containerPort, 'container', i),
    hostIp: hostAddress?.value === 0n ? undefined : hostAddress,
    family: hostAddress?.family,
  }));
}

function parseHostIp(text: unknown, where: string): IpAddress {
  try {
    return parseAddress(String(text));
  } catch (cause) {
    throw new CniError('invalidNetworkConfig', `${where}: hostIP ${JSON.stringify(text)} is an invalid IP address`, {
      cause,
    });
  }
}

function port(value: unknown, which: string, offset: number): number {
  const number = typeof value === 'number' && value >= 1 ? value + offset : Number.NaN;
  if (Number.isInteger(number) && number <= portMax) return number;
  throw invalid(`invalid ${which} port number: ${String(value)}${offset > 0 ? ` and ${offset} more` : ''}`);
}

/** Otherwise the kernel would say that another container has the port. */
function requireDistinct(mappings: readonly Mapping[]): void {
  const seen = new Set<string>();
  for (const { hostIp, family, protocol, hostPort } of mappings) {
    const identity = `${hostIp?.value ?? ''}/${family ?? ''}/${protocol}/${hostPort}`;
    if (seen.has(identity)) throw invalid(`portMappings: host port ${hostPort}/${protocol} is mapped twice`);
    seen.add(identity);
  }
}

function invalid(message: string): CniError {
  return new CniError('invalidNetworkConfig', message);
}
