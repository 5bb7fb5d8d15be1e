/**
 * Pure: which part of a Network's addresses is for whom.
 *
 *     subnet  192.168.50.0/24 ├─ static addresses, other machines ─┼───────── range ─────────┤
 *     range   192.168.50.128/25                                    │block│block│block│ ...
 *
 * Nodes give out addresses of the range by themselves, from blocks that they have claimed; static addresses lie outside of it. So
 * no address is ever given twice, and nobody has to ask anybody.
 */
import { formatIp, type IpAddress, type IpBlock, isInBlock, parseCidr, parseIp } from '../ip-address.ts';
import { type Network, defaultNetworkName, type NetworkSubnetSpec } from './network-types.ts';

/** A subnet with everything that its spec leaves open. */
export interface EffectiveSubnet {
  readonly subnet: IpBlock;
  readonly range: IpBlock;
  /** Undefined in an internal network that names none, overlays aside. */
  readonly gateway: IpAddress | undefined;
  readonly auxiliary: readonly IpAddress[];
  readonly nodePrefixLength: number;
}

/** Of the spec, or those that were given to it when it names none. Empty as long as it has none. */
export function effectiveSubnets(network: Pick<Network, 'spec' | 'status' | 'metadata'>): readonly EffectiveSubnet[] {
  const own = network.spec.subnets ?? [];
  const given = own.length > 0 ? own : (network.status?.subnets ?? []);
  return given.flatMap((spec) => effectiveSubnet(spec, network) ?? []);
}

function effectiveSubnet(spec: NetworkSubnetSpec, { spec: network, metadata }: Pick<Network, 'spec' | 'metadata'>) {
  const subnet = parseCidr(spec.subnet);
  if (!subnet) return undefined;
  const range = (spec.range !== undefined ? parseCidr(spec.range) : undefined) ?? upperHalf(subnet);
  const named = spec.gateway === undefined ? undefined : parseIp(spec.gateway);
  // The gateways of the cluster network are each node's own. In an overlay each node is the way to the others.
  const isRouted = network.internal !== true || network.driver === 'overlay';
  const needsGateway = isRouted && metadata.name !== defaultNetworkName;
  const first = { family: subnet.family, value: subnet.base + 1n };
  return {
    subnet,
    range,
    gateway: named ?? (needsGateway ? first : undefined),
    auxiliary: Object.values(spec.auxiliaryAddresses ?? {}).flatMap((text) => parseIp(text) ?? []),
    nodePrefixLength: spec.nodePrefixLength ?? nodePrefixLengthOf(range, network.driver === 'overlay'),
  };
}

/** As it stands in a Network's status. */
export function subnetSpecOf({ subnet, range, gateway, nodePrefixLength }: EffectiveSubnet): NetworkSubnetSpec {
  return {
    subnet: formatBlock(subnet),
    range: formatBlock(range),
    ...(gateway ? { gateway: formatIp(gateway) } : {}),
    nodePrefixLength,
  };
}

/** Of a subnet too small to be halved: the whole of it. */
function upperHalf(subnet: IpBlock): IpBlock {
  const prefixLength = subnet.prefixLength + 1;
  if (prefixLength > bitsOf(subnet.family) - 2) return subnet;
  const size = subnet.size / 2n;
  return { family: subnet.family, base: subnet.base + size, prefixLength, size };
}

/** Sixteen blocks, of not more than 256 (overlay) or 64 addresses, and not less than four. */
function nodePrefixLengthOf({ family, prefixLength }: IpBlock, isOverlay: boolean): number {
  const bits = bitsOf(family);
  return Math.max(prefixLength, Math.min(bits - 2, Math.max(prefixLength + 4, bits - (isOverlay ? 8 : 6))));
}

function bitsOf(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

/** The blocks that nodes claim, from the one numbered `first` round to the one before it. */
export function* blocksOf({ range, nodePrefixLength }: EffectiveSubnet, first = 0n): Generator<IpBlock> {
  const size = 1n << BigInt(bitsOf(range.family) - nodePrefixLength);
  const count = range.size / size;
  for (let i = 0n; i < count; i++) {
    const base = range.base + ((first + i) % count) * size;
    yield { family: range.family, base, prefixLength: nodePrefixLength, size };
  }
}

/** What a static address may be, or why it may not, in words for people. */
export function staticAddressProblem(address: IpAddress, subnets: readonly EffectiveSubnet[]): string | undefined {
  const home = subnets.find(({ subnet }) => isInBlock(subnet, address));
  const text = formatIp(address);
  if (!home) {
    return `${text} is in none of its subnets (${subnets.map(({ subnet }) => formatBlock(subnet)).join(', ') || 'it has none'})`;
  }
  if (isInBlock(home.range, address)) {
    return `${text} is in the range that nodes give out by themselves (${formatBlock(home.range)}): choose one outside of it, or narrow spec.subnets[].range`;
  }
  if (home.gateway?.value === address.value) return `${text} is the gateway`;
  if (home.auxiliary.some(({ value }) => value === address.value)) return `${text} is one of its auxiliaryAddresses`;
  if (address.value === home.subnet.base) return `${text} is the address of the subnet itself`;
  const last = home.subnet.base + home.subnet.size - 1n;
  return home.subnet.family === 4 && address.value === last ? `${text} is the broadcast address` : undefined;
}

export function formatBlock({ family, base, prefixLength }: IpBlock): string {
  return `${formatIp({ family, value: base })}/${prefixLength}`;
}

export function blocksOverlap(one: IpBlock, other: IpBlock): boolean {
  return one.family === other.family && one.base < other.base + other.size && other.base < one.base + one.size;
}

/** The name of a NetworkSubnet: whoever creates it holds the block. */
export function subnetClaimName(network: string, block: IpBlock): string {
  return `${network}.${nameOf({ family: block.family, value: block.base })}-${block.prefixLength}`;
}

/** The name of a NetworkAddress: whoever creates it holds the address. */
export function addressClaimName(network: string, address: IpAddress): string {
  return `${network}.${nameOf(address)}`;
}

function nameOf(address: IpAddress): string {
  return formatIp(address).replaceAll(':', '-');
}
