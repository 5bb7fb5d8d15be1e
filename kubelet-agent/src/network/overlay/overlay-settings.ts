import { defaultNetworkName, type Network } from '@slipway/api/networks/network-types';
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

export interface WayOfDefault {
  readonly network: Network | undefined;
  readonly address: string;
  readonly uplink: Uplink;
  readonly podCidr: string;
}

/** Of the cluster's own network. Throws `CniError` when the MTU does not fit. */
export function overlayWay(
  { network, address, uplink, podCidr }: WayOfDefault,
  settings: OverlaySettings,
): OverlayWish['way'] {
  const { clusterId, nodeName, dataPathPort } = settings;
  const backend = backendOf(network, settings);
  if (backend !== 'vxlan') return { backend };
  const vni = network?.status?.vni ?? fallbackVni;
  return {
    backend,
    isKept: false,
    device: {
      name: deviceName(clusterId, defaultNetworkName),
      mac: vtepMac(vni, nodeName),
      vni,
      port: dataPathPort ?? vxlanPort,
      local: address,
      mtu: overlayMtu({ backend, address, uplinkMtu: uplink.mtu, mtu: mtuOption(network) }),
      alias: `slipway:${clusterId}/${defaultNetworkName}`,
      // The block's first address belongs to no pod: packets of the node itself come from it.
      address: podCidr.includes(':') ? undefined : `${podCidr.split('/')[0]}/32`,
    },
  };
}

/** As long as the API gives the network no number of its own. */
const fallbackVni = 1;
