/** Objects of `networks.slipway.dev/v1` and the attachment definitions of `k8s.cni.cncf.io/v1`. The schemas are in `crds/networks`. */
import type { KubeObject, LabelSelector } from '../types.ts';

export const networksGroup = 'networks.slipway.dev';
/** The cluster's own network: its blocks are `spec.podCIDR` of the nodes. */
export const defaultNetworkName = 'default';

export type NetworkDriver = 'bridge' | 'macvlan' | 'ipvlan' | 'overlay' | 'host' | 'none';

export interface NetworkSubnetSpec {
  /** In CIDR notation, without host bits. */
  subnet: string;
  range?: string;
  gateway?: string;
  auxiliaryAddresses?: Record<string, string>;
  nodePrefixLength?: number;
}

export interface NetworkCondition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  lastTransitionTime: string;
  observedGeneration?: number;
}

export interface Network extends KubeObject {
  spec: {
    driver: NetworkDriver;
    subnets?: NetworkSubnetSpec[];
    options?: Record<string, string>;
    internal?: boolean;
    ipv6?: boolean;
    namespaceSelector?: LabelSelector;
  };
  status?: {
    conditions?: NetworkCondition[];
    vni?: number;
    /** With everything that spec leaves open; see `effectiveSubnets`. */
    subnets?: NetworkSubnetSpec[];
  };
}

/** A block of a Network's addresses, held by one node. Its name is `subnetClaimName`. */
export interface NetworkSubnet extends KubeObject {
  spec: { network: string; subnet: string; nodeName: string };
}

/** A static address of a Network, held by one pod. Its name is `addressClaimName`. */
export interface NetworkAddress extends KubeObject {
  spec: {
    network: string;
    address: string;
    mac?: string;
    pod: { namespace: string; name: string; uid: string };
    nodeName: string;
  };
}

export interface NetworkAttachmentDefinition extends KubeObject {
  spec?: { config?: string };
}

/** Addresses of the LAN for Services of type LoadBalancer. */
export interface AddressPool extends KubeObject {
  spec: {
    /** Blocks in CIDR notation and ranges `FIRST-LAST`. */
    addresses: string[];
    /** True when absent. */
    autoAssign?: boolean;
    namespaceSelector?: LabelSelector;
  };
  status?: { conditions?: NetworkCondition[]; assigned?: number; free?: string };
}
