import { type Host, type HostOptions, type IpObject, KernelError } from '../../host/host.ts';
import { CniError } from '../../spec/cni-error.ts';
import { networkOf, networksOverlap, parseInterfaceAddress } from '../../spec/ip-address.ts';
import { bridgeMac, type PlannedIp, vlanSteps } from './attachment-plan.ts';
import { addressesOf } from '../container-link/check-container-link.ts';
import { bridgeAlias, hostInterfaceName } from '../names.ts';
import { type BridgeConfig, gatewayLink } from './bridge-config.ts';
import { bridgeRuleset } from './bridge-ruleset.ts';

export interface BridgeWish {
  readonly config: BridgeConfig;
  readonly ips: readonly PlannedIp[];
  readonly clusterId: string;
  readonly network: string;
}

/** Makes the bridge, its addresses, the settings of the host that it needs, and its rules. Idempotent. */
export async function ensureBridge(wish: BridgeWish, host: Host, options: HostOptions): Promise<void> {
  const { config, ips } = wish;
  await ensureLinks(wish, host, options).catch(async (error: unknown) => {
    if (!(error instanceof KernelError && error.isExisting)) throw explained(error, config);
    await ensureLinks(wish, host, options); // somebody else made it at the same time
  });
  if (config.isGateway) await enableForwarding(gatewayLink(config), ips, host, options);
  const ruleset = bridgeRuleset(wish);
  if (ruleset) await host.nft(ruleset, options);
}

async function ensureLinks(wish: BridgeWish, host: Host, options: HostOptions): Promise<void> {
  const { config } = wish;
  const gateway = gatewayLink(config);
  const shown = await showBridge(config.bridge, host, options);
  if (gateway === config.bridge) {
    await host.ip(planBridge(wish, shown), options);
  } else {
    await host.ip(
      planBridge({ ...wish, ips: [], config: { ...config, hostAddresses: [], hostRoutes: [] } }, shown),
      options,
    );
    await ensureGatewayPair(wish, gateway, host, options);
  }
  // A host that believes what routers announce would take the bridge's containers for routers.
  if (!shown) await unlessMissing(host.writeSysctl(`net/ipv6/conf/${config.bridge}/accept_ra`, '0', options));
}

/** One end is a port of the bridge in the containers' VLAN, the other has the gateway's addresses. */
async function ensureGatewayPair(wish: BridgeWish, gateway: string, host: Host, options: HostOptions): Promise<void> {
  const { config } = wish;
  const shown = await showBridge(gateway, host, options);
  const port = hostInterfaceName(gateway, 'port');
  const alias = bridgeAlias(wish.clusterId, wish.network);
  const made = shown
    ? []
    : [
        `link add ${gateway} address ${bridgeMac(gateway)} type veth peer name ${port}`,
        `link set ${gateway} alias ${alias}`,
        `link set ${port} alias ${alias} master ${config.bridge} up`,
      ];
  await host.ip([...made, ...planAddresses(wish, gateway, shown), `link set ${gateway} up`], options);
  const native = { native: config.vlans?.native, tagged: [], keepsDefault: false };
  if (!shown) await host.link(vlanSteps(port, native), options);
}

function explained(error: unknown, config: BridgeConfig): unknown {
  const isUnknown = error instanceof KernelError && /not supported|Unknown|invalid/i.test(error.output);
  if (!config.vlans || !isUnknown || !error.message.includes('vlan_filtering')) return error;
  return new CniError('kernelRefused', 'vlan, vlanTrunk: bridges of this kernel cannot filter VLANs', {
    details: error.message,
    cause: error,
  });
}

async function unlessMissing(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof KernelError && error.isMissing)) throw error; // a kernel without IPv6
  });
}

export async function showBridge(bridge: string, host: Host, options: HostOptions): Promise<IpObject | undefined> {
  return (await host.ipShow(['address', 'show', 'dev', bridge], options))[0];
}

/** Pure: what is missing of the bridge. */
export function planBridge(wish: BridgeWish, shown: IpObject | undefined): readonly string[] {
  const { config } = wish;
  const { bridge, vlans } = config;
  const lines: string[] = [];
  const info = shown?.linkinfo as { info_kind?: string; info_data?: { vlan_filtering?: number } } | undefined;
  if (!shown) {
    lines.push(`link add ${bridge} address ${bridgeMac(bridge)} type bridge${vlans ? ' vlan_filtering 1' : ''}`);
    lines.push(`link set ${bridge} alias ${bridgeAlias(wish.clusterId, wish.network)}`);
  } else if (info?.info_kind !== 'bridge') {
    throw new CniError('kernelRefused', `${bridge} already exists but is not a bridge`);
  } else if (vlans && info.info_data?.vlan_filtering !== 1) {
    lines.push(`link set ${bridge} type bridge vlan_filtering 1`);
  }
  lines.push(...planAddresses(wish, bridge, shown));
  const flags = (shown?.flags as readonly string[] | undefined) ?? [];
  if (config.promiscMode && !flags.includes('PROMISC')) lines.push(`link set ${bridge} promisc on`);
  if (!flags.includes('UP')) lines.push(`link set ${bridge} up`);
  lines.push(...config.hostRoutes.flatMap((route) => hostRoute(route, wish)));
  return lines;
}

/** Pure: what is missing of the gateway's addresses. */
function planAddresses({ config, ips }: BridgeWish, link: string, shown: IpObject | undefined): readonly string[] {
  const lines: string[] = [];
  const present = addressesOf(shown);
  const wanted = new Map(ips.flatMap((ip) => (ip.bridgeAddress ? [[ip.bridgeAddress, ip.isIpv6] as const] : [])));
  for (const [address, isIpv6] of wanted) {
    if (present.includes(address)) continue;
    const rival = present.find((other) => other !== address && isSameSubnet(other, address));
    if (rival && !config.forceAddress) {
      throw new CniError('kernelRefused', `${link} already has an IP address different from ${address}: ${rival}`);
    }
    if (rival) lines.push(`address del ${rival} dev ${link}`);
    lines.push(`address add ${address} dev ${link}${isIpv6 ? ' nodad' : ''}`);
  }
  for (const address of config.hostAddresses) {
    if (!present.includes(address))
      lines.push(`address add ${address} dev ${link}${address.includes(':') ? ' nodad' : ''}`);
  }
  return lines;
}

/** Nothing is meant to arrive there: packets to these networks get another destination on the way, or are refused. */
function hostRoute(route: string, { config, ips }: BridgeWish): readonly string[] {
  const gateway = ips.find((ip) => ip.isIpv6 === route.includes(':'))?.gateway;
  return gateway ? [`route replace ${route} dev ${config.bridge} src ${gateway}`] : [];
}

function isSameSubnet(one: string, other: string): boolean {
  const networkFrom = (text: string) => {
    const { address, prefixLength } = parseInterfaceAddress(text);
    return networkOf(address, prefixLength);
  };
  // A host address next to the gateway, as the one of a DNS service, is no rival.
  return !/\/(32|128)$/.test(one) && networksOverlap(networkFrom(one), networkFrom(other));
}

/** Forwarding is a setting of the machine and is given back later; the bridge's own settings go with the bridge. */
async function enableForwarding(
  link: string,
  ips: readonly PlannedIp[],
  host: Host,
  options: HostOptions,
): Promise<void> {
  if (ips.some((ip) => ip.isIpv6)) await host.writeSysctl('net/ipv6/conf/all/forwarding', '1', options);
  if (!ips.some((ip) => !ip.isIpv6)) return;
  await host.writeSysctl('net/ipv4/ip_forward', '1', options);
  // Answers to what was sent to a mapped port of 127.0.0.1 come back to 127.0.0.1 through the bridge.
  await host.writeSysctl(`net/ipv4/conf/${link}/route_localnet`, '1', options);
}
