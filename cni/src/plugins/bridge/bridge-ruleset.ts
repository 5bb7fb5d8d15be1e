import { gatewayLink } from './bridge-config.ts';
import type { BridgeWish } from './ensure-bridge.ts';

/** The table of one network of one cluster. */
export function bridgeTableName(clusterId: string, network: string): string {
  return `slipway-${clusterId}-bridge-${network}`;
}

/**
 * Pure: the rules of the table as one transaction that replaces them, or undefined when the network needs none. The subnets are
 * in sets that only grow, because an ADD knows no more than its own: containers of one network may be in several.
 * - outbound: what leaves the network for elsewhere takes the host's address;
 * - guard: with route_localnet a container could otherwise send to the host's loopback services;
 * - redirects: when routed, a redirect would teach containers the direct way, past the host's address translation.
 */
export function bridgeRuleset({ config, ips, clusterId, network }: BridgeWish): string | undefined {
  if (!config.isGateway && !config.ipMasq) return undefined;
  const table = bridgeTableName(clusterId, network);
  const link = gatewayLink(config);
  const rule = (chain: string) => (text: string) => `add rule inet ${table} ${chain} ${text}`;
  const redirects = [`oifname "${link}" icmp type redirect drop`, `oifname "${link}" icmpv6 type nd-redirect drop`];
  const guard = ['daddr', 'saddr'].map((which) => `iifname "${link}" ip ${which} 127.0.0.0/8 drop`);
  return [
    `add table inet ${table}`,
    ...(['ip', 'ip6'] as const).flatMap((family) => subnetSets(table, family, { config, ips })),
    `add chain inet ${table} outbound { type nat hook postrouting priority srcnat; policy accept; }`,
    `add chain inet ${table} guard { type filter hook prerouting priority raw; policy accept; }`,
    `add chain inet ${table} redirects { type filter hook output priority filter; policy accept; }`,
    ...['outbound', 'guard', 'redirects'].map((chain) => `flush chain inet ${table} ${chain}`),
    ...(config.ipMasq ? (['ip', 'ip6'] as const).flatMap(masqueradeRules) : []).map(rule('outbound')),
    ...guard.map(rule('guard')),
    ...(config.routed ? redirects : []).map(rule('redirects')),
    '',
  ].join('\n');
}

function subnetSets(
  table: string,
  family: 'ip' | 'ip6',
  { config, ips }: Pick<BridgeWish, 'config' | 'ips'>,
): string[] {
  const isIpv6 = family === 'ip6';
  const [own, spared] = [`own-${family}`, `spared-${family}`];
  const type = `{ type ${isIpv6 ? 'ipv6_addr' : 'ipv4_addr'}; flags interval; auto-merge; }`;
  const subnets = ips.filter((ip) => ip.isIpv6 === isIpv6).map((ip) => ip.subnet);
  const exempt = config.ipMasqExempt.filter((each) => each.includes(':') === isIpv6);
  return [
    `add set inet ${table} ${own} ${type}`,
    `add set inet ${table} ${spared} ${type}`,
    `flush set inet ${table} ${spared}`,
    ...[...new Set(subnets)].map((subnet) => `add element inet ${table} ${own} { ${subnet} }`),
    ...[...new Set([isIpv6 ? 'ff00::/8' : '224.0.0.0/4', ...exempt])].map(
      (subnet) => `add element inet ${table} ${spared} { ${subnet} }`,
    ),
  ];
}

function masqueradeRules(family: 'ip' | 'ip6'): readonly string[] {
  const from = `${family} saddr @own-${family}`;
  return [
    `${from} ${family} daddr @own-${family} return`,
    `${from} ${family} daddr @spared-${family} return`,
    `${from} masquerade fully-random`,
  ];
}
