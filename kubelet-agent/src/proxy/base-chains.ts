import { contentName, type Family, masqueradeMark } from './ruleset.ts';

export interface BaseOptions {
  readonly serviceCidr: string;
}

/** Pure: the chains and maps that are there without any service. */
export interface BaseTable {
  /** Names the content of the base, so that a newer program replaces an older one's. */
  readonly version: string;
  /** Declarations of maps and sets, without the verb. */
  readonly holders: readonly string[];
  readonly chains: ReadonlyMap<string, { readonly hook: string; readonly rules: readonly string[] }>;
}

export function baseTable({ serviceCidr }: BaseOptions): BaseTable {
  const chains = new Map([
    ['prerouting', { hook: 'type nat hook prerouting priority dstnat; policy accept;', rules: dispatchRules() }],
    ['output', { hook: 'type nat hook output priority -100; policy accept;', rules: dispatchRules() }],
    ['postrouting', { hook: 'type nat hook postrouting priority srcnat; policy accept;', rules: masqueradeRules() }],
    [
      'refuse-incoming',
      { hook: 'type filter hook prerouting priority filter; policy accept;', rules: refuseRules(serviceCidr) },
    ],
    [
      'refuse-outgoing',
      { hook: 'type filter hook output priority filter; policy accept;', rules: refuseRules(serviceCidr) },
    ],
    ['mark-masquerade', { hook: '', rules: [`meta mark set meta mark | ${masqueradeMark}`] }],
    ['refuse', { hook: '', rules: ['meta l4proto 6 reject with tcp reset', 'reject'] }],
    ['ignore', { hook: '', rules: ['drop'] }],
  ]);
  const holders = ([4, 6] as const).flatMap(holdersOf);
  const text = [...holders, ...[...chains].flatMap(([name, { hook, rules }]) => [name, hook, ...rules])];
  return { version: contentName('base', text), holders, chains };
}

function holdersOf(family: Family): readonly string[] {
  const address = `ipv${family}_addr`;
  return [
    `map services${family} { type ${address} . inet_proto . inet_service : verdict; }`,
    `map nodeports${family} { type inet_proto . inet_service : verdict; }`,
    `map refused${family} { type ${address} . inet_proto . inet_service : verdict; }`,
    `map refusedports${family} { type inet_proto . inet_service : verdict; }`,
    `set hairpin${family} { type ${address} . ${address}; }`,
  ];
}

function dispatchRules(): readonly string[] {
  return [
    'ip daddr . meta l4proto . th dport vmap @services4',
    'ip6 daddr . meta l4proto . th dport vmap @services6',
    'meta nfproto ipv4 fib daddr type local meta l4proto . th dport vmap @nodeports4',
    'meta nfproto ipv6 fib daddr type local meta l4proto . th dport vmap @nodeports6',
  ];
}

/**
 * Only packets that no rule has given another destination still have the service's. They are refused before they are routed:
 * to route a pod's packet out of the bridge that it came in by would send a redirect first, and the rate limit that this
 * starts would swallow the refusal. The limit holds for ICMP, so TCP is refused by a reset.
 */
function refuseRules(serviceCidr: string): readonly string[] {
  return [
    'ct state new ip daddr . meta l4proto . th dport vmap @refused4',
    'ct state new ip6 daddr . meta l4proto . th dport vmap @refused6',
    'ct state new meta nfproto ipv4 fib daddr type local meta l4proto . th dport vmap @refusedports4',
    'ct state new meta nfproto ipv6 fib daddr type local meta l4proto . th dport vmap @refusedports6',
    `ct state new ${familyWord(serviceCidr)} daddr ${serviceCidr} fib daddr type != local goto refuse`,
  ];
}

function masqueradeRules(): readonly string[] {
  return [
    `meta mark & ${masqueradeMark} != 0 meta mark set meta mark & 0xffffbfff masquerade fully-random`,
    'ct status dnat ip saddr . ip daddr @hairpin4 masquerade fully-random',
    'ct status dnat ip6 saddr . ip6 daddr @hairpin6 masquerade fully-random',
  ];
}

function familyWord(cidr: string): string {
  return cidr.includes(':') ? 'ip6' : 'ip';
}
