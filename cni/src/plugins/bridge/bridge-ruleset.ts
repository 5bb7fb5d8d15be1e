import type { BridgeWish } from './ensure-bridge.ts';

/** The table of one network of one cluster. */
export function bridgeTableName(clusterId: string, network: string): string {
  return `slipway-${clusterId}-bridge-${network}`;
}

/**
 * Pure: the whole table as one transaction that replaces it, or undefined when the network needs none.
 * - outbound: what leaves the network for elsewhere takes the host's address;
 * - guard: with route_localnet a container could otherwise send to the host's loopback services;
 * - redirects: when routed, a redirect would teach containers the direct way, past the host's address translation.
 */
export function bridgeRuleset({ config, ips, clusterId, network }: BridgeWish): string | undefined {
  if (!config.isGateway && !config.ipMasq) return undefined;
  const table = bridgeTableName(clusterId, network);
  const masquerades = config.ipMasq
    ? [...new Set(ips.map((ip) => ip.subnet))].map((subnet) => masquerade(subnet, config.ipMasqExempt))
    : [];
  return `table inet ${table}
delete table inet ${table}
table inet ${table} {
  chain outbound {
    type nat hook postrouting priority srcnat; policy accept;
    ${masquerades.join('\n    ')}
  }
  chain guard {
    type filter hook prerouting priority raw; policy accept;
    iifname "${config.bridge}" ip daddr 127.0.0.0/8 drop
    iifname "${config.bridge}" ip saddr 127.0.0.0/8 drop
  }
  chain redirects {
    type filter hook output priority filter; policy accept;
    ${config.routed ? `oifname "${config.bridge}" icmp type redirect drop\n    oifname "${config.bridge}" icmpv6 type nd-redirect drop` : ''}
  }
}
`;
}

function masquerade(subnet: string, exempt: readonly string[]): string {
  const isIpv6 = subnet.includes(':');
  const family = isIpv6 ? 'ip6' : 'ip';
  const multicast = isIpv6 ? 'ff00::/8' : '224.0.0.0/4';
  const spared = [subnet, multicast, ...exempt.filter((each) => each.includes(':') === isIpv6)];
  const rules = [...new Set(spared)].map((each) => `${family} saddr ${subnet} ${family} daddr ${each} return`);
  return [...rules, `${family} saddr ${subnet} masquerade fully-random`].join('\n    ');
}
