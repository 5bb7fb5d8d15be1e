import { type Host, type HostOptions, type IpObject, KernelError } from '../../host/host.ts';
import { CniError } from '../../spec/cni-error.ts';
import { networkOf, networksOverlap, parseInterfaceAddress } from '../../spec/ip-address.ts';
import { bridgeMac, type PlannedIp } from './attachment-plan.ts';
import { addressesOf } from '../container-link/check-container-link.ts';
import { bridgeAlias } from '../names.ts';
import type { BridgeConfig } from './bridge-config.ts';
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
  const lines = planBridge(wish, await showBridge(config.bridge, host, options));
  try {
    await host.ip(lines, options);
  } catch (error) {
    if (!(error instanceof KernelError && error.isExisting)) throw error;
    // Somebody else made it at the same time.
    await host.ip(planBridge(wish, await showBridge(config.bridge, host, options)), options);
  }
  if (config.isGateway) await enableForwarding(config.bridge, ips, host, options);
  const ruleset = bridgeRuleset(wish);
  if (ruleset) await host.nft(ruleset, options);
}

export async function showBridge(bridge: string, host: Host, options: HostOptions): Promise<IpObject | undefined> {
  return (await host.ipShow(['address', 'show', 'dev', bridge], options))[0];
}

/** Pure: what is missing of the bridge. */
export function planBridge(wish: BridgeWish, shown: IpObject | undefined): readonly string[] {
  const { config, ips } = wish;
  const { bridge } = config;
  const lines: string[] = [];
  if (!shown) {
    lines.push(`link add ${bridge} address ${bridgeMac(bridge)} type bridge`);
    lines.push(`link set ${bridge} alias ${bridgeAlias(wish.clusterId, wish.network)}`);
  } else if ((shown.linkinfo as { info_kind?: string } | undefined)?.info_kind !== 'bridge') {
    throw new CniError('kernelRefused', `${bridge} already exists but is not a bridge`);
  }
  const present = addressesOf(shown);
  const wanted = new Map(ips.flatMap((ip) => (ip.bridgeAddress ? [[ip.bridgeAddress, ip.isIpv6] as const] : [])));
  for (const [address, isIpv6] of wanted) {
    if (present.includes(address)) continue;
    const rival = present.find((other) => other !== address && isSameSubnet(other, address));
    if (rival && !config.forceAddress) {
      throw new CniError('kernelRefused', `${bridge} already has an IP address different from ${address}: ${rival}`);
    }
    if (rival) lines.push(`address del ${rival} dev ${bridge}`);
    lines.push(`address add ${address} dev ${bridge}${isIpv6 ? ' nodad' : ''}`);
  }
  for (const address of config.hostAddresses) {
    if (!present.includes(address))
      lines.push(`address add ${address} dev ${bridge}${address.includes(':') ? ' nodad' : ''}`);
  }
  const flags = (shown?.flags as readonly string[] | undefined) ?? [];
  if (config.promiscMode && !flags.includes('PROMISC')) lines.push(`link set ${bridge} promisc on`);
  if (!flags.includes('UP')) lines.push(`link set ${bridge} up`);
  lines.push(...config.hostRoutes.flatMap((route) => hostRoute(route, wish)));
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
  bridge: string,
  ips: readonly PlannedIp[],
  host: Host,
  options: HostOptions,
): Promise<void> {
  if (ips.some((ip) => ip.isIpv6)) await host.writeSysctl('net/ipv6/conf/all/forwarding', '1', options);
  if (!ips.some((ip) => !ip.isIpv6)) return;
  await host.writeSysctl('net/ipv4/ip_forward', '1', options);
  // Answers to what was sent to a mapped port of 127.0.0.1 come back to 127.0.0.1 through the bridge.
  await host.writeSysctl(`net/ipv4/conf/${bridge}/route_localnet`, '1', options);
}
