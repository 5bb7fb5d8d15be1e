/** Pure: what the cluster's own network is called, and the CNI configuration that makes it. */

export interface ClusterNetwork {
  /** Tells clusters on one machine apart: 1 to 8 of a-z0-9. */
  readonly clusterId: string;
  /** This node's part of the cluster's addresses: `10.64.0.0/24`. */
  readonly podCidr: string;
  /** All nodes' pods: they see each other's own addresses. */
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  /** Addresses of services that every node answers itself, such as DNS: the bridge carries them. */
  readonly ownServiceIps: readonly string[];
  /** Largest packet on the way out of the machine. */
  readonly mtu: number | undefined;
  /** Where host-local keeps its reservations. */
  readonly ipamDirectory: string;
}

export const networkName = 'pods';
export const podInterface = 'eth0';

export function bridgeName(clusterId: string): string {
  return `sw0-${clusterId}`;
}

/** Tables of nftables that belong to the cluster begin with this. */
export function tablePrefix(clusterId: string): string {
  return `slipway-${clusterId}-`;
}

/**
 * The default network. Pods are routed: they have host addresses, so packets between two pods of one node pass the node's
 * address translation like all others. Otherwise the answer of a pod on the same
 * bridge would go straight to the one that asked, past the translation, unless the kernel sends bridged packets through
 * netfilter, which not every kernel does.
 */
export function defaultConflist(network: ClusterNetwork): Readonly<Record<string, unknown>> {
  const slipway = { clusterId: network.clusterId };
  return {
    cniVersion: '1.1.0',
    name: networkName,
    plugins: [
      {
        type: 'bridge',
        slipway,
        bridge: bridgeName(network.clusterId),
        isDefaultGateway: true,
        ipMasq: true,
        ipMasqExempt: [network.clusterCidr, network.serviceCidr],
        routed: true,
        hostAddresses: network.ownServiceIps.map((ip) => `${ip}/32`),
        hostRoutes: [network.serviceCidr],
        ...(network.mtu === undefined ? {} : { mtu: network.mtu }),
        ipam: {
          type: 'host-local',
          dataDir: network.ipamDirectory,
          ranges: [[{ subnet: network.podCidr }]],
        },
      },
      { type: 'portmap', slipway, capabilities: { portMappings: true } },
      { type: 'bandwidth', slipway, capabilities: { bandwidth: true } },
    ],
  };
}
