import { digest } from '../names.ts';
import type { OverlayBackend } from './plan-overlay.ts';

/** The table of one overlay of one cluster. */
export function overlayTableName(clusterId: string, network: string): string {
  return `slipway-${clusterId}-overlay-${network}`;
}

export interface Isolation {
  readonly table: string;
  readonly bridge: string;
  readonly device: string;
  readonly subnets: readonly string[];
  readonly backend: OverlayBackend;
  readonly internal: boolean;
  readonly hostAccess: boolean;
}

export interface Ruleset {
  /** An empty chain of this name tells that the table is this one. */
  readonly version: string;
  readonly script: string;
}

/**
 * Pure: one transaction that makes the table anew. A network is closed in itself:
 * - forward: nobody from elsewhere gets in but answers and what a mapped port of this machine leads there; nothing gets out to other networks
 *   of pods, and of internal networks nothing at all. What comes from other machines leaves by this one only into the network;
 * - input: containers do not reach this machine, except for echo and, where there is a way out, DNS.
 */
export function isolationRuleset(wish: Isolation): Ruleset {
  const { table, bridge, device, internal, hostAccess } = wish;
  const own = `{ "${bridge}", "${device}" }`;
  const input = `  chain input {
    type filter hook input priority filter - 1; policy accept;
    iifname != ${own} accept
    ct state established,related accept
    icmp type echo-request accept
    meta l4proto ipv6-icmp accept
    ${internal ? '' : `iifname "${bridge}" meta l4proto { tcp, udp } th dport 53 accept`}
    drop
  }
`;
  const chains = `  chain forward {
    type filter hook forward priority filter - 1; policy accept;
    iifname ${own} oifname ${own} accept
    iifname != ${own} oifname != ${own} accept
    ${directRules(wish).join('\n    ')}
    iifname "${device}" drop
    ct state established,related accept
    iifname != "sw*" oifname "${bridge}" ct status dnat accept
    oifname ${own} drop
    ${internal ? 'drop' : 'oifname "sw*" drop'}
  }
${hostAccess ? '' : input}`;
  const version = `content-${digest(chains).slice(0, 12)}`;
  const script = `table inet ${table}
delete table inet ${table}
table inet ${table} {
  chain ${version} {
  }
${chains}}
`;
  return { version, script };
}

/** Without a tunnel packets of the network come over the uplink: there its addresses alone tell what belongs to it. */
function directRules({ bridge, backend, subnets }: Isolation): readonly string[] {
  if (backend === 'vxlan') return [];
  return subnets.flatMap((subnet) => {
    const family = subnet.includes(':') ? 'ip6' : 'ip';
    return [
      `iifname != "sw*" oifname "${bridge}" ${family} saddr ${subnet} accept`,
      `iifname "${bridge}" oifname != "sw*" ${family} daddr ${subnet} accept`,
    ];
  });
}
