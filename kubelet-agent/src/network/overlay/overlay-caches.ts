import type { Network, NetworkAddress, NetworkSubnet } from '@slipway/api/networks/network-types';
import type { KubeObject, Node } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { type Kind, kinds } from '@slipway/client/kinds';
import type { OverlayCaches } from './cluster-overlay.ts';

/** Keeps a cache equal to what the API server has, as long as the agent runs. */
export type StartWatch = <T extends KubeObject>(options: {
  readonly kind: Kind<T>;
  readonly cache: ObjectCache<T>;
  readonly project?: (object: T) => T;
}) => (signal: AbortSignal) => Promise<void>;

/** What every node knows of all others, and of networks. */
export function watchOverlay(watch: StartWatch): {
  readonly caches: OverlayCaches;
  readonly runs: readonly ((signal: AbortSignal) => Promise<void>)[];
} {
  const nodes = new ObjectCache<Node>();
  const networks = new ObjectCache<Network>();
  const networkSubnets = new ObjectCache<NetworkSubnet>();
  const networkAddresses = new ObjectCache<NetworkAddress>();
  return {
    caches: { nodes, networks, networkSubnets, networkAddresses },
    runs: [
      watch({ kind: kinds.nodes, cache: nodes, project: addressesOnly }),
      watch({ kind: kinds.networks, cache: networks }),
      watch({ kind: kinds.networkSubnets, cache: networkSubnets }),
      watch({ kind: kinds.networkAddresses, cache: networkAddresses }),
    ],
  };
}

/** Of thousands of nodes nothing is kept but where they are and which addresses they hold. */
function addressesOnly({ apiVersion, kind, metadata, spec, status }: Node): Node {
  const { name, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) },
    spec: { ...(spec.podCIDR ? { podCIDR: spec.podCIDR } : {}), ...(spec.podCIDRs ? { podCIDRs: spec.podCIDRs } : {}) },
    status: { addresses: status?.addresses ?? [] },
  };
}
