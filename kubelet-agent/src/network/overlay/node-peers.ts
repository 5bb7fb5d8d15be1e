import type { NetworkAddress, NetworkSubnet } from '@slipway/api/networks/network-types';
import type { Node } from '@slipway/api/types';
import type { OverlayPeer } from '@slipway/cni';

/** By which other machines reach the node: the first address that its agent reported. */
export function internalAddress(node: Node | undefined): string | undefined {
  return node?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
}

/**
 * Peers from objects. What a peer was made of is compared, not the objects: a Node changes with every report of its agent, and
 * hardly ever in what matters here. The same content is the same peer object again.
 */
export class PeerBook {
  readonly #known = new Map<string, OverlayPeer>();

  /** Nodes with an address, and what they have of the network. */
  update(nodes: readonly Node[], destinationsOf: (node: Node) => readonly string[]): readonly OverlayPeer[] {
    const peers: OverlayPeer[] = [];
    for (const node of nodes) {
      const address = internalAddress(node);
      const { name } = node.metadata;
      if (!address || !name) continue;
      const destinations = destinationsOf(node);
      if (destinations.length === 0) continue;
      peers.push(this.#peer(name, address, destinations));
    }
    if (this.#known.size > peers.length) this.#forgetAllBut(peers);
    return peers;
  }

  #peer(node: string, address: string, destinations: readonly string[]): OverlayPeer {
    const before = this.#known.get(node);
    if (before && before.address === address && isSameList(before.destinations, destinations)) return before;
    const peer = { node, address, destinations };
    this.#known.set(node, peer);
    return peer;
  }

  #forgetAllBut(peers: readonly OverlayPeer[]): void {
    const kept = new Set(peers.map(({ node }) => node));
    for (const node of this.#known.keys()) if (!kept.has(node)) this.#known.delete(node);
  }
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((each, i) => each === other[i]);
}

/** Of the cluster's own network: what the node was given. */
export function podCidrsOf({ spec }: Node): readonly string[] {
  return spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : []);
}

/** Blocks and static addresses of one network, by node; sorted, so that the order of objects does not matter. */
export function destinationsByNode(
  network: string,
  subnets: readonly NetworkSubnet[],
  addresses: readonly NetworkAddress[],
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  const add = (node: string, destination: string) => {
    const list = found.get(node);
    if (list) list.push(destination);
    else found.set(node, [destination]);
  };
  for (const { spec } of subnets) if (spec.network === network) add(spec.nodeName, spec.subnet);
  for (const { spec } of addresses) {
    if (spec.network === network) add(spec.nodeName, `${spec.address}/${spec.address.includes(':') ? 128 : 32}`);
  }
  for (const list of found.values()) list.sort();
  return found;
}
