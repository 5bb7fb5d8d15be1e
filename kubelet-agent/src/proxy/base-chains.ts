import { contentName, type Family, masqueradeMark } from './ruleset.ts';

export interface BaseOptions {
  readonly serviceCidr: string;
  /** Node ports are answered on the node's addresses in these networks, on all of them when there are none: `10.0.0.0/8`. */
  readonly nodePortNetworks?: readonly string[] | undefined;
}

/** Pure: the chains and maps that are there without any service. */
export interface BaseTable {
  /** Names the content of the base, so that a newer program replaces an older one's. */
  readonly version: string;
  /** Declarations of maps and sets, without the verb. */
  readonly holders: readonly string[];
  readonly chains: ReadonlyMap<string, { readonly hook: string; readonly rules: readonly string[] }>;
}

export function baseTable({ serviceCidr, nodePortNetworks = [] }: BaseOptions): BaseTable {
  const dispatch = dispatchRules(nodePortNetworks);
  const chains = new Map([
    ['prerouting', { hook: 'type nat hook prerouting priority dstnat; policy accept;', rules: dispatch }],
    ['output', { hook: 'type nat hook output priority -100; policy accept;', rules: dispatch }],
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

/**
 * The typed maps are one per protocol: nft 1.0.6 checks for the protocol of a map's type in each rule that uses it, and
 * `th dport` as a type it cannot read back.
 */
function holdersOf(family: Family): readonly string[] {
  const address = `ipv${family}_addr`;
  const ip = family === 4 ? 'ip' : 'ip6';
  return [
    `map services${family} { type ${address} . inet_proto . inet_service : verdict; }`,
    `map nodeports${family} { type inet_proto . inet_service : verdict; }`,
    `map refused${family} { type ${address} . inet_proto . inet_service : verdict; }`,
    `map refusedports${family} { type inet_proto . inet_service : verdict; }`,
    ...['tcp', 'udp', 'sctp'].flatMap((protocol) => [
      `map backends-${protocol}${family} { typeof ${ip} daddr . ${protocol} dport . numgen random mod 2 : ${ip} daddr . ${protocol} dport; }`,
      `map portbackends-${protocol}${family} { typeof ${protocol} dport . numgen random mod 2 : ${ip} daddr . ${protocol} dport; }`,
    ]),
    `set hairpin${family} { type ${address} . ${address}; }`,
    `set balanced${family} { type ${address}; }`,
  ];
}

function dispatchRules(nodePortNetworks: readonly string[]): readonly string[] {
  const nodePorts = (family: Family) => `fib daddr type local meta l4proto . th dport vmap @nodeports${family}`;
  return [
    'ip daddr . meta l4proto . th dport vmap @services4',
    'ip6 daddr . meta l4proto . th dport vmap @services6',
    // An address of a load balancer is one of the node while the node answers for it, but not for node ports.
    'ip daddr @balanced4 return',
    'ip6 daddr @balanced6 return',
    ...(nodePortNetworks.length > 0
      ? nodePortNetworks.map((cidr) => `${familyWord(cidr)} daddr ${cidr} ${nodePorts(cidr.includes(':') ? 6 : 4)}`)
      : [`meta nfproto ipv4 ${nodePorts(4)}`, `meta nfproto ipv6 ${nodePorts(6)}`]),
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
    // Nothing else of the node shall be reached by the address of a load balancer. Pings are answered.
    'ct state new meta l4proto { 6, 17, 132 } ip daddr @balanced4 goto refuse',
    'ct state new meta l4proto { 6, 17, 132 } ip6 daddr @balanced6 goto refuse',
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
