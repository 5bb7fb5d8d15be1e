/** Pure: the CNI configuration by which a pod of this node joins a Network. */
import { createHash } from 'node:crypto';
import { formatIp, type IpAddress, type IpBlock, isInBlock } from '@slipway/api/ip-address';
import { type EffectiveSubnet, effectiveSubnets, formatBlock } from '@slipway/api/networks/network-addresses';
import type { Network } from '@slipway/api/networks/network-types';
import { deviceName, overlayBridgeName } from '../overlay/overlay-settings.ts';

export interface JoiningNode {
  readonly clusterId: string;
  /** Where host-local keeps its reservations. */
  readonly ipamDirectory: string;
  /** Of the way out of the machine, for networks that name none. */
  readonly mtu: number | undefined;
  /** What pods must see with a pod's own address. */
  readonly clusterCidr: string;
}

export interface JoinWish {
  /** The node's blocks of the network. */
  readonly blocks: readonly IpBlock[];
  /** Reserved for this pod; in place of one from the blocks, family by family. */
  readonly addresses: readonly IpAddress[];
  /** The network is the pod's way to everywhere else. */
  readonly isDefault: boolean;
  readonly hasPorts: boolean;
  readonly hasBandwidth: boolean;
}

/** As results, reservations and interface aliases call it. Attachment definitions cannot have this name, for nobody may give it. */
export function cniNameOf(network: Pick<Network, 'metadata'>): string {
  return `network.${network.metadata.name ?? ''}`;
}

type Plugin = Readonly<Record<string, unknown>>;

/** Of the drivers bridge, macvlan, ipvlan and overlay; the others make no interface. */
export function conflistFrom(network: Network, node: JoiningNode, wish: JoinWish): Plugin {
  const slipway = { clusterId: node.clusterId, network: network.metadata.name };
  const capabilities = { mac: true, ips: true };
  const ipam = {
    type: 'host-local',
    dataDir: node.ipamDirectory,
    ranges: rangeSets(network, wish),
  };
  const mtu = mtuOf(network, node);
  const shared = { slipway, capabilities, ipam, ...(mtu > 0 ? { mtu } : {}) };
  const plugins: Plugin[] = [{ ...driverPlugin(network, node, wish), ...shared }];
  if (wish.hasPorts) plugins.push({ type: 'portmap', slipway, capabilities: { portMappings: true } });
  if (wish.hasBandwidth) plugins.push({ type: 'bandwidth', slipway, capabilities: { bandwidth: true } });
  return { cniVersion: '1.1.0', name: cniNameOf(network), plugins };
}

/** What VXLAN adds to a packet of IPv4. */
const tunnelBytes = 50;

/** 0: the parent's. */
function mtuOf({ spec: { driver, options = {} } }: Network, node: JoiningNode): number {
  const own = Number(options.mtu ?? options['com.docker.network.driver.mtu'] ?? 0);
  if (own > 0 || driver === 'macvlan' || driver === 'ipvlan' || node.mtu === undefined) return own;
  return driver === 'overlay' && options.backend !== 'host-gw' ? node.mtu - tunnelBytes : node.mtu;
}

function driverPlugin(network: Network, node: JoiningNode, wish: JoinWish): Plugin {
  switch (network.spec.driver) {
    case 'macvlan':
    case 'ipvlan':
      return { type: network.spec.driver, ...childOptions(network), isDefaultGateway: wish.isDefault };
    case 'overlay':
      return overlayPlugin(network, node, wish);
    default:
      return bridgePlugin(network, node, wish);
  }
}

/** Without a parent the network has one to itself that leads nowhere, as other engines do. */
function childOptions({ spec: { driver, options = {}, internal } }: Network): Plugin {
  const { parent, macvlan_mode: macvlanMode, ipvlan_mode: ipvlanMode, ipvlan_flag: flag } = options;
  const mode = driver === 'macvlan' ? macvlanMode : ipvlanMode;
  return {
    ...(parent === undefined || internal ? { internal: true } : { parent }),
    ...(mode === undefined ? {} : { mode }),
    ...(flag === undefined ? {} : { flag }),
  };
}

const bridgeOption = 'com.docker.network.bridge.';

function bridgePlugin(network: Network, node: JoiningNode, { isDefault }: JoinWish): Plugin {
  const { options = {}, internal = false } = network.spec;
  const isOn = (name: string, otherwise: boolean) => {
    const value = options[`${bridgeOption}${name}`];
    return value === undefined ? otherwise : value === 'true' || value === '1';
  };
  const mode = options[`${bridgeOption}gateway_mode_ipv4`] ?? 'nat';
  const isGateway = !internal && !isOn('inhibit_ipv4', false) && mode !== 'isolated';
  const vlan = Number(options.vlan ?? 0);
  return {
    type: 'bridge',
    bridge: options[`${bridgeOption}name`] ?? linkName(node.clusterId, network),
    isGateway,
    isDefaultGateway: isGateway && isDefault,
    ipMasq: isGateway && mode.startsWith('nat') && isOn('enable_ip_masquerade', true),
    ...(isOn('enable_icc', true) ? {} : { portIsolation: true }),
    ...(vlan > 0 ? { vlan } : {}),
  };
}

/** The way to other nodes is the agent's affair (`overlay/`), so no number of a tunnel here. */
function overlayPlugin(network: Network, node: JoiningNode, { isDefault }: JoinWish): Plugin {
  const { internal = false, options = {} } = network.spec;
  return {
    type: 'overlay',
    bridge: overlayBridgeName(node.clusterId, network.metadata.name ?? ''),
    device: deviceName(node.clusterId, network.metadata.name ?? ''),
    subnets: effectiveSubnets(network).map(({ subnet }) => formatBlock(subnet)),
    ...(options.backend === undefined ? {} : { backend: options.backend }),
    internal,
    isDefaultGateway: isDefault,
    ipMasqExempt: [node.clusterCidr],
  };
}

/** `swn` and a hash: an interface of the node that belongs to one Network. */
export function linkName(clusterId: string, { metadata }: Pick<Network, 'metadata'>): string {
  return `swn${createHash('sha256').update(`${clusterId}/${metadata.name}`).digest('hex').slice(0, 10)}`;
}

/** One set for each family, from which the pod gets one address. */
function rangeSets(network: Network, { blocks, addresses }: JoinWish): readonly (readonly Plugin[])[] {
  const subnets = effectiveSubnets(network);
  return ([4, 6] as const)
    .map((family) => {
      const fixed = addresses.filter((address) => address.family === family);
      if (fixed.length > 0) return fixed.flatMap((address) => ranges(address.value, address.value, address, subnets));
      const own = blocks.filter((block) => block.family === family);
      return own.flatMap((block) => rangesOfBlock(block, subnets));
    })
    .filter((set) => set.length > 0);
}

/** A block without what must not be given away: the subnet's own addresses, its gateway, and those of other machines. */
function rangesOfBlock(block: IpBlock, subnets: readonly EffectiveSubnet[]): readonly Plugin[] {
  const { family, base, size } = block;
  const home = subnets.find(({ subnet }) => isInBlock(subnet, { family, value: base }));
  if (!home) return [];
  const last = home.subnet.base + home.subnet.size - 1n;
  const taken = new Set([home.subnet.base, ...(family === 4 ? [last] : [])]);
  for (const address of [...home.auxiliary, ...(home.gateway ? [home.gateway] : [])]) taken.add(address.value);
  const found: Plugin[] = [];
  let start = base;
  for (const stop of [...taken].filter((value) => value >= base && value < base + size).sort(ascending)) {
    if (stop > start) found.push(...ranges(start, stop - 1n, { family, value: base }, subnets));
    start = stop + 1n;
  }
  if (start < base + size) found.push(...ranges(start, base + size - 1n, { family, value: base }, subnets));
  return found;
}

function ranges(from: bigint, to: bigint, at: IpAddress, subnets: readonly EffectiveSubnet[]): readonly Plugin[] {
  const home = subnets.find(({ subnet }) => isInBlock(subnet, at));
  if (!home) return [];
  const text = (value: bigint) => formatIp({ family: at.family, value });
  return [
    {
      subnet: formatBlock(home.subnet),
      rangeStart: text(from),
      rangeEnd: text(to),
      ...(home.gateway ? { gateway: formatIp(home.gateway) } : {}),
    },
  ];
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
