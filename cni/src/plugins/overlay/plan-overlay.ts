/**
 * How one node reaches the pods of the others in one network. Pure.
 *
 * vxlan, per peer:
 *
 *     route        10.64.1.0/24 via 192.168.0.12 dev swv-..      each block of the peer, by its VTEP as a neighbour
 *     neighbour    192.168.0.12 has MAC 0a:..                    the MAC of its VTEP, a hash of network and node
 *     forwarding   0a:.. goes to machine 192.168.0.12            the outer address
 *
 * Nothing is learned, asked for, or sent to all: what is not written here does not leave the node. Blocks of a family other than
 * that of the machines' addresses are reached by the link-local address that belongs to the MAC.
 *
 * host-gw, per peer: a route by its address on the common link, nothing else.
 */
import type { TableEntry } from '../../host/table-step.ts';
import { networkContains, parseAddress, parseNetwork } from '../../spec/ip-address.ts';
import { digest, macFrom } from '../names.ts';

/** Routes of ours carry it; no routing program that we know of does (linux/rtnetlink.h, iproute2's rt_protos). */
export const overlayRouteProtocol = 90;

export interface OverlayPeer {
  readonly node: string;
  /** By which other nodes reach the machine. */
  readonly address: string;
  /** Blocks of the network that are there, and lone addresses outside of blocks: `10.5.0.16/28`, `10.5.0.9/32`. */
  readonly destinations: readonly string[];
}

export type OverlayBackend = 'vxlan' | 'host-gw';

export interface OverlaySelf {
  readonly node: string;
  readonly address: string;
  readonly backend: OverlayBackend;
  readonly vni: number;
  /** The VXLAN device, or the uplink for host-gw. */
  readonly link: string;
  /** Networks that are directly on the uplink: `192.168.0.0/24`. */
  readonly onLink: readonly string[];
  /** Of routes on the uplink, by which we know them again. Routes of others to the same place come first. */
  readonly priority: number;
}

export interface OverlayPlan {
  /** By `entryKey`. */
  readonly entries: ReadonlyMap<string, TableEntry>;
  /** Peers that cannot be reached, in sentences. */
  readonly problems: readonly string[];
}

/** The same plan for the same peers in whatever order. Two peers with one destination: the one with the lesser name has it. */
export function planOverlay(self: OverlaySelf, peers: Iterable<OverlayPeer>): OverlayPlan {
  const others = [...peers].filter((peer) => peer.node !== self.node && peer.address !== self.address);
  others.sort((one, other) => (one.node < other.node ? -1 : 1));
  const entries = new Map<string, TableEntry>();
  const problems: string[] = [];
  for (const peer of others) {
    const planned = planPeer(self, peer);
    if (planned.problem) problems.push(planned.problem);
    for (const [key, entry] of planned.entries) {
      if (!entries.has(key)) entries.set(key, entry);
      else problems.push(`nodes ${ownerOf(key, self, others)} and ${peer.node} both have ${whatOf(entry)}`);
    }
  }
  return { entries, problems };
}

function ownerOf(key: string, self: OverlaySelf, peers: readonly OverlayPeer[]): string | undefined {
  return peers.find((peer) => planPeer(self, peer).entries.some(([each]) => each === key))?.node;
}

interface PeerPlan {
  /** By `entryKey`. */
  readonly entries: readonly (readonly [key: string, entry: TableEntry])[];
  readonly problem?: string;
}

const remembered = new WeakMap<OverlaySelf, WeakMap<OverlayPeer, PeerPlan>>();

/** Remembered by identity, so that a change costs what changed: entries of unchanged peers are the same objects again. */
function planPeer(self: OverlaySelf, peer: OverlayPeer): PeerPlan {
  let ofSelf = remembered.get(self);
  if (!ofSelf) {
    ofSelf = new WeakMap();
    remembered.set(self, ofSelf);
  }
  let plan = ofSelf.get(peer);
  if (!plan) {
    plan = self.backend === 'vxlan' ? planTunnel(self, peer) : planDirect(self, peer);
    ofSelf.set(peer, plan);
  }
  return plan;
}

function planTunnel({ address: own, link, vni }: OverlaySelf, peer: OverlayPeer): PeerPlan {
  const { family } = parseAddress(peer.address);
  if (family !== parseAddress(own).family) {
    return unreachable(peer, `its address ${peer.address} is not of the family of this node's address ${own}`);
  }
  if (peer.destinations.length === 0) return { entries: [] };
  const mac = vtepMac(vni, peer.node);
  const gateways = new Set<string>();
  const routes = peer.destinations.map((destination): TableEntry => {
    const isDirect = family === 4 && !destination.includes(':');
    const gateway = isDirect ? peer.address : linkLocalAddress(mac);
    gateways.add(gateway);
    const common = { kind: 'route', destination, link, gateway, protocol: overlayRouteProtocol } as const;
    return isDirect ? { ...common, isOnLink: true } : common;
  });
  return {
    entries: keyed([
      ...[...gateways].map((address): TableEntry => ({ kind: 'neighbour', link, address, mac })),
      { kind: 'forwarding', link, mac, remote: peer.address },
      ...routes,
    ]),
  };
}

function planDirect({ link, onLink, priority }: OverlaySelf, peer: OverlayPeer): PeerPlan {
  const address = parseAddress(peer.address);
  if (!onLink.some((network) => networkContains(parseNetwork(network), address))) {
    return unreachable(peer, `its address ${peer.address} is not on the link ${link}, which host-gw needs`);
  }
  const isSameFamily = (destination: string) => destination.includes(':') === (address.family === 6);
  return {
    entries: keyed(
      peer.destinations.filter(isSameFamily).map((destination): TableEntry => {
        return { kind: 'route', destination, link, gateway: peer.address, protocol: overlayRouteProtocol, priority };
      }),
    ),
  };
}

function keyed(entries: readonly TableEntry[]): PeerPlan['entries'] {
  return entries.map((entry) => [entryKey(entry), entry]);
}

function unreachable(peer: OverlayPeer, why: string): PeerPlan {
  return { entries: [], problem: `pods of node ${peer.node} cannot be reached: ${why}` };
}

/** Of a node's end of the tunnel of one network. */
export function vtepMac(vni: number, node: string): string {
  return macFrom(`vtep/${vni}/${node}`);
}

/** RFC 4291, appendix A: the interface identifier made of a MAC. */
export function linkLocalAddress(mac: string): string {
  const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
  const words = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  return `fe80::${words.map((word) => word.toString(16)).join(':')}`;
}

const directRoutes = 0x5300_0000;

/** The metric of a network's routes on the uplink: 12 bits for the cluster, 12 for the network. */
export function directRoutePriority(clusterId: string, network: string): number {
  return directRoutes | (twelveBits(clusterId) << 12) | twelveBits(network);
}

/** Whether a route with this metric and our protocol belongs to the cluster. */
export function isDirectRouteOf(clusterId: string, priority: number | undefined): boolean {
  return priority !== undefined && priority >>> 12 === directRoutePriority(clusterId, '') >>> 12;
}

function twelveBits(text: string): number {
  return Number.parseInt(digest(text).slice(0, 3), 16);
}

/** What the kernel has one entry for at most. */
export function entryKey(entry: TableEntry): string {
  switch (entry.kind) {
    case 'route':
      return `route/${entry.table ?? ''}/${entry.priority ?? ''}/${entry.destination}`;
    case 'neighbour':
      return `neighbour/${entry.link}/${entry.address}`;
    case 'forwarding':
      return `forwarding/${entry.link}/${entry.mac}`;
  }
}

function whatOf(entry: TableEntry): string {
  if (entry.kind === 'route') return `the addresses ${entry.destination}`;
  return entry.kind === 'neighbour' ? `the address ${entry.address}` : `the MAC ${entry.mac}`;
}
