import { isInterfaceName } from '../../skeleton/parse-invocation.ts';
import { CniError } from '../../spec/cni-error.ts';
import { optionalBoolean, optionalNumber, optionalString, optionalStrings } from '../../spec/json.ts';
import { formatAddress, formatNetwork, parseInterfaceAddress, parseNetwork } from '../../spec/ip-address.ts';
import type { NetworkConfig } from '../../spec/types.ts';
import { hostInterfaceName } from '../names.ts';
import { parsePortVlans, type PortVlans } from './vlan-config.ts';

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
  readonly vlans: PortVlans | undefined;
  /** The container sends with its own MAC address or not at all. */
  readonly macspoofchk: boolean;
  /** The container's end stays down, for somebody else to bring up. */
  readonly disableContainerInterface: boolean;
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

/** What IPv4 needs at least; IPv6 needs more, see `attachment-plan.ts`. */
const mtuMin = 68;
const mtuMax = 65_535;

export function parseBridgeConfig(network: NetworkConfig): BridgeConfig {
  const bridge = optionalString(network, 'bridge') || 'sw0';
  if (!isInterfaceName(bridge)) throw invalid(`invalid bridge name ${JSON.stringify(bridge)}`);
  if (network.uplinkInterface) throw new CniError('unsupportedField', 'bridge: uplinkInterface is not supported');
  const backend = network.ipMasqBackend;
  if (backend !== undefined && backend !== '' && backend !== 'nftables') {
    throw new CniError('unsupportedField', `bridge: ipMasqBackend ${JSON.stringify(backend)}: there is only nftables`);
  }
  const mtu = optionalNumber(network, 'mtu') || undefined;
  if (mtu !== undefined && (!Number.isInteger(mtu) || mtu < mtuMin || mtu > mtuMax)) {
    throw invalid(`mtu: invalid MTU ${mtu}, it must be between ${mtuMin} and ${mtuMax}`);
  }
  const disableContainerInterface = optionalBoolean(network, 'disableContainerInterface') ?? false;
  if (disableContainerInterface && network.ipam?.type) {
    throw invalid(
      'disableContainerInterface: cannot be used together with ipam, an interface that is down has no routes',
    );
  }
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
    vlans: parsePortVlans(network),
    macspoofchk: optionalBoolean(network, 'macspoofchk') ?? false,
    disableContainerInterface,
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

/**
 * The link that has the gateway's addresses. When the port of the container is in a VLAN, the gateway is a port of the same one:
 * a pair of links, one end in the bridge, so that no 802.1q link is needed.
 */
export function gatewayLink({ bridge, vlans, isGateway }: BridgeConfig): string {
  if (!isGateway || vlans?.native === undefined) return bridge;
  const name = `${bridge}.${vlans.native}`;
  return isInterfaceName(name) ? name : hostInterfaceName(name, 'gateway');
}
