import { hostname } from 'node:os';
import { isInterfaceName } from '../../skeleton/parse-invocation.ts';
import { CniError } from '../../spec/cni-error.ts';
import { formatAddress, formatNetwork, parseAddress, parseNetwork } from '../../spec/ip-address.ts';
import { optionalBoolean, optionalNumber, optionalString, optionalStrings } from '../../spec/json.ts';
import type { NetworkConfig } from '../../spec/types.ts';
import { type BridgeConfig, parseBridgeConfig } from '../bridge/bridge-config.ts';
import { clusterIdOf, digest } from '../names.ts';
import type { OverlayBackend, OverlayPeer } from './plan-overlay.ts';
import { vxlanPort } from './vxlan-device.ts';

export interface OverlayConfig {
  /** Bridge of the containers. */
  readonly bridge: string;
  /** VXLAN device. */
  readonly device: string;
  /** The whole network, over all machines. */
  readonly subnets: readonly string[];
  /** No way out of the network. */
  readonly internal: boolean;
  /** Containers may open connections to this machine. */
  readonly hostAccess: boolean;
  readonly backend: OverlayBackend;
  /** Absent: somebody else looks after the way to other machines, and the device. */
  readonly tunnel: TunnelConfig | undefined;
  readonly mtu: number | undefined;
  /** As the bridge plugin sees it. */
  readonly bridgeNetwork: NetworkConfig;
  readonly bridgeConfig: BridgeConfig;
}

export interface TunnelConfig {
  readonly backend: OverlayBackend;
  readonly vni: number;
  readonly port: number;
  /** This machine's name, of which the MAC of its end is made. */
  readonly node: string;
  /** This machine's address; that of the default route's interface when absent. */
  readonly local: string | undefined;
  readonly peers: readonly OverlayPeer[];
}

const vniMax = 0xff_ffff;
const portMax = 65_535;

export function parseOverlayConfig(network: NetworkConfig): OverlayConfig {
  const hash = digest(`${clusterIdOf(network)}/${network.name}`).slice(0, 11);
  const bridge = optionalString(network, 'bridge') || `swb${hash}`;
  const device = optionalString(network, 'device') || `swv${hash}`;
  for (const [key, name] of Object.entries({ bridge, device })) {
    if (!isInterfaceName(name)) throw invalid(`${key}: ${JSON.stringify(name)} is no name of an interface`);
  }
  const subnets = (optionalStrings(network, 'subnets') ?? []).map((text) => formatNetwork(parseNetwork(text)));
  if (subnets.length === 0) throw invalid('subnets: the networks over all machines are needed, such as 10.5.0.0/16');
  const internal = optionalBoolean(network, 'internal') ?? false;
  const isDefaultGateway = !internal && (optionalBoolean(network, 'isDefaultGateway') ?? false);
  const bridgeNetwork = {
    ...network,
    type: 'bridge',
    bridge,
    isGateway: true,
    isDefaultGateway,
    routed: true,
    ipMasq: !internal && (optionalBoolean(network, 'ipMasq') ?? true),
    ipMasqExempt: [...subnets, ...(optionalStrings(network, 'ipMasqExempt') ?? [])],
  };
  const bridgeConfig = parseBridgeConfig(bridgeNetwork);
  const backend = parseBackend(network);
  return {
    bridge,
    device,
    subnets,
    internal,
    hostAccess: optionalBoolean(network, 'hostAccess') ?? false,
    backend,
    tunnel: parseTunnel(network, backend),
    mtu: bridgeConfig.mtu,
    bridgeNetwork,
    bridgeConfig,
  };
}

function parseBackend(network: NetworkConfig): OverlayBackend {
  const backend = optionalString(network, 'backend') || 'vxlan';
  if (backend === 'vxlan' || backend === 'host-gw') return backend;
  throw invalid(`backend: ${JSON.stringify(backend)} is none of vxlan, host-gw`);
}

function parseTunnel(network: NetworkConfig, backend: OverlayBackend): TunnelConfig | undefined {
  const vni = optionalNumber(network, 'vni');
  const peers = parsePeers(network.peers);
  if (vni === undefined) {
    if (peers.length > 0 && backend === 'vxlan') throw invalid('peers: a vni is needed');
    if (peers.length === 0) return undefined;
  }
  if (vni !== undefined && (!Number.isInteger(vni) || vni < 1 || vni > vniMax)) {
    throw invalid(`vni: ${vni} is out of range: 1 to ${vniMax}`);
  }
  const port = optionalNumber(network, 'port') ?? vxlanPort;
  if (!Number.isInteger(port) || port < 1 || port > portMax) throw invalid(`port: ${port} is no UDP port`);
  const local = optionalString(network, 'local');
  return {
    backend,
    vni: vni ?? 0,
    port,
    node: optionalString(network, 'node') || hostname(),
    local: local ? formatAddress(parseAddress(local)) : undefined,
    peers,
  };
}

/** `[{"node": "b", "address": "192.168.0.12", "destinations": ["10.5.1.0/24"]}]` */
function parsePeers(value: unknown): readonly OverlayPeer[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid('peers: expected a list');
  return value.map((peer: unknown, i) => {
    const { node, address, destinations } = (peer ?? {}) as Record<string, unknown>;
    if (typeof node !== 'string' || node === '') throw invalid(`peers[${i}].node: expected a name`);
    if (typeof address !== 'string') throw invalid(`peers[${i}].address: expected an IP address`);
    if (!Array.isArray(destinations)) throw invalid(`peers[${i}].destinations: expected a list of networks`);
    return {
      node,
      address: formatAddress(parseAddress(address)),
      destinations: destinations.map((each) => formatNetwork(parseNetwork(String(each)))),
    };
  });
}

function invalid(message: string): CniError {
  return new CniError('invalidNetworkConfig', `overlay: ${message}`);
}
