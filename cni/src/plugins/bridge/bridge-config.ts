import { isInterfaceName } from '../../skeleton/parse-invocation.ts';
import { CniError } from '../../spec/cni-error.ts';
import { optionalBoolean, optionalNumber, optionalString, optionalStrings } from '../../spec/json.ts';
import { formatAddress, formatNetwork, parseInterfaceAddress, parseNetwork } from '../../spec/ip-address.ts';
import type { NetworkConfig } from '../../spec/types.ts';

/** The keys of the reference bridge plugin, and below the line our own. */
export interface BridgeConfig {
  readonly bridge: string;
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  /** Replace another address in the same subnet on the bridge instead of refusing. */
  readonly forceAddress: boolean;
  readonly ipMasq: boolean;
  readonly mtu: number | undefined;
  readonly hairpinMode: boolean;
  readonly promiscMode: boolean;
  /** Duplicate address detection on IPv6 addresses of the container. */
  readonly enableDad: boolean;
  // ---
  /** Ports may talk to the bridge, not to each other. */
  readonly portIsolation: boolean;
  /**
   * Containers get host addresses (/32, /128), so that what they send to each other passes the host's IP layer. Then services
   * that lead from one container to another on the same bridge work also where the kernel does not send bridged packets
   * through netfilter. Where it does (br_netfilter), a packet whose destination netfilter changes to another port is
   * bridged there; that is why this does not isolate the ports, and why hairpin mode is on.
   */
  readonly routed: boolean;
  /** Destinations besides the own subnet that see the container's own address. */
  readonly ipMasqExempt: readonly string[];
  /** Further addresses of the bridge, as `10.96.0.10/32` for a service that this host answers itself. */
  readonly hostAddresses: readonly string[];
  /** Networks that only the host's rules know: a route lets packets to them get as far, even without a default route. */
  readonly hostRoutes: readonly string[];
}

const mtuMax = 65_535;

export function parseBridgeConfig(network: NetworkConfig): BridgeConfig {
  const bridge = optionalString(network, 'bridge') || 'sw0';
  if (!isInterfaceName(bridge)) throw invalid(`invalid bridge name ${JSON.stringify(bridge)}`);
  for (const key of ['vlan', 'vlanTrunk', 'macspoofchk', 'disableContainerInterface', 'uplinkInterface'] as const) {
    if (network[key]) throw new CniError('unsupportedField', `bridge: ${key} is not supported`);
  }
  const mtu = optionalNumber(network, 'mtu') || undefined;
  if (mtu !== undefined && (!Number.isInteger(mtu) || mtu < 68 || mtu > mtuMax)) throw invalid(`invalid MTU ${mtu}`);
  const isDefaultGateway = optionalBoolean(network, 'isDefaultGateway') ?? false;
  const hairpinMode = optionalBoolean(network, 'hairpinMode') ?? false;
  const promiscMode = optionalBoolean(network, 'promiscMode') ?? false;
  if (hairpinMode && promiscMode) throw invalid('cannot set hairpin mode and promiscuous mode at the same time');
  const routed = optionalBoolean(network, 'routed') ?? false;
  const isGateway = isDefaultGateway || (optionalBoolean(network, 'isGateway') ?? false);
  if (routed && !isGateway) throw invalid('routed needs isGateway: the bridge is the way to everything');
  return {
    bridge,
    isGateway,
    isDefaultGateway,
    forceAddress: optionalBoolean(network, 'forceAddress') ?? false,
    ipMasq: optionalBoolean(network, 'ipMasq') ?? false,
    mtu,
    hairpinMode: hairpinMode || (routed && !promiscMode),
    promiscMode,
    enableDad: optionalBoolean(network, 'enabledad') ?? false,
    portIsolation: optionalBoolean(network, 'portIsolation') ?? false,
    routed,
    ipMasqExempt: networks(network, 'ipMasqExempt'),
    hostAddresses: (optionalStrings(network, 'hostAddresses') ?? []).map((text) => {
      const { address, prefixLength } = parseInterfaceAddress(text);
      return `${formatAddress(address)}/${prefixLength}`;
    }),
    hostRoutes: networks(network, 'hostRoutes'),
  };
}

function networks(network: NetworkConfig, key: string): readonly string[] {
  return (optionalStrings(network, key) ?? []).map((text) => formatNetwork(parseNetwork(text)));
}

function invalid(message: string): CniError {
  return new CniError('invalidNetworkConfig', message);
}
