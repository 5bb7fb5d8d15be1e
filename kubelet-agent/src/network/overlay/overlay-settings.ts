import { defaultNetworkName, type Network } from '@slipway/api/networks/network-types';
import { networkVni } from '@slipway/api/networks/network-vni';
import { overlayMtu, type Uplink, vtepMac, vxlanPort } from '@slipway/cni';
import { createHash } from 'node:crypto';
import type { OverlayWish } from './overlay-link.ts';

export type NetworkBackend = 'vxlan' | 'host-gw' | 'none';

export interface OverlaySettings {
  readonly clusterId: string;
  readonly nodeName: string;
  /** What this node was told; otherwise what the Network says. */
  readonly backend: NetworkBackend | undefined;
  /** UDP port of VXLAN, the same on all nodes. */
  readonly dataPathPort: number | undefined;
}

/** VXLAN device of a network: of the cluster's own `swv-CLUSTER`, of others `swv` and a hash. */
export function deviceName(clusterId: string, network: string): string {
  return network === defaultNetworkName ? `swv-${clusterId}` : `swv${networkHash(clusterId, network)}`;
}

/** Bridge of a user's overlay. */
export function overlayBridgeName(clusterId: string, network: string): string {
  return `swb${networkHash(clusterId, network)}`;
}

function networkHash(clusterId: string, network: string): string {
  return createHash('sha256').update(`${clusterId}/${network}`).digest('hex').slice(0, 11);
}

export function backendOf(network: Network | undefined, { backend }: Pick<OverlaySettings, 'backend'>): NetworkBackend {
  const wanted = backend ?? network?.spec.options?.backend;
  return wanted === 'host-gw' || wanted === 'none' ? wanted : 'vxlan';
}

/** What the user wants as MTU; undefined: as large as possible. */
export function mtuOption(network: Network | undefined): number | undefined {
  const options = network?.spec.options ?? {};
  const text = options.mtu ?? options['com.docker.network.driver.mtu'];
  return text === undefined ? undefined : Number(text);
}

export interface OverlayEnd {
  readonly name: string;
  /** The Network; undefined when the API server has none of the name. */
  readonly network: Network | undefined;
  /** This machine's. */
  readonly address: string;
  readonly uplink: Uplink;
  /** From which the node itself talks to pods: `10.64.0.0/32`. Undefined: it does not belong to the network. */
  readonly ownAddress: string | undefined;
  /** The device stays when there are no peers, because pods are attached. */
  readonly isKept: boolean;
}

/** Throws `CniError` when the MTU does not fit. */
export function overlayWay(end: OverlayEnd, settings: OverlaySettings): OverlayWish['way'] {
  const { name, network, address, uplink, ownAddress, isKept } = end;
  const { clusterId, nodeName, dataPathPort } = settings;
  const isDefault = name === defaultNetworkName;
  const backend = backendOf(network, isDefault ? settings : { backend: undefined });
  if (backend !== 'vxlan') return { backend };
  const vni = (network && networkVni(network)) ?? fallbackVni;
  const hasIpv6 = network?.spec.ipv6 === true;
  return {
    backend,
    isKept,
    device: {
      name: deviceName(clusterId, name),
      mac: vtepMac(vni, nodeName),
      vni,
      port: dataPathPort ?? vxlanPort,
      local: address,
      mtu: overlayMtu({ backend, address, uplinkMtu: uplink.mtu, mtu: mtuOption(network), hasIpv6 }),
      alias: overlayAlias(clusterId, name),
      address: ownAddress,
    },
  };
}

/** What devices of the network are recognised by. */
export function overlayAlias(clusterId: string, network: string): string {
  return network === defaultNetworkName ? `slipway:${clusterId}/${network}` : `${aliasPrefix(clusterId)}${network}`;
}

/** Name of the user's network that a link with this alias belongs to as a whole, as its bridge or its device. */
export function networkOfAlias(alias: unknown, clusterId: string): string | undefined {
  if (typeof alias !== 'string' || !alias.startsWith(aliasPrefix(clusterId))) return undefined;
  const name = alias.slice(aliasPrefix(clusterId).length);
  return name.includes('/') ? undefined : name;
}

/** As the bridge plugin writes it: the network's name in CNI is `network.NAME`. */
function aliasPrefix(clusterId: string): string {
  return `slipway:${clusterId}/network.`;
}

/** As long as the API has no Network of the cluster's own. */
const fallbackVni = 1;
