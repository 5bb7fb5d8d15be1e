/** Pure: what is there without any policy. */
import { contentName, type Direction } from './ruleset.ts';

export interface BaseTable {
  /** Names the content, so that a newer program replaces an older one's. Also a chain of this name, without rules. */
  readonly version: string;
  /** Name → declaration. */
  readonly maps: ReadonlyMap<string, string>;
  readonly sets: ReadonlyMap<string, string>;
  readonly chains: ReadonlyMap<string, { readonly hook: string; readonly rules: readonly string[] }>;
}

/**
 * Only forwarded packets are looked at: what the node itself sends to its pods, as probes do, and what they send to it, passes, as
 * the API demands. Addresses are those that stand in the packet between the translation of destinations (services) and of sources.
 *
 * Replies pass. What goes the way of the connection's first packet is judged each time, so that a policy takes effect on
 * connections that exist. A pod reaches itself, also by its service.
 */
function createBaseTable(): BaseTable {
  const maps = new Map<string, string>();
  const sets = new Map<string, string>();
  for (const family of [4, 6]) {
    const address = `ipv${family}_addr`;
    for (const direction of ['egress', 'ingress']) maps.set(`${direction}${family}`, `{ type ${address} : verdict; }`);
    sets.set(`self${family}`, `{ type ${address} . ${address}; }`);
  }
  const chains = new Map([
    ['egress', { hook: 'type filter hook forward priority filter; policy accept;', rules: rulesOf('egress') }],
    ['ingress', { hook: 'type filter hook forward priority filter + 1; policy accept;', rules: rulesOf('ingress') }],
  ]);
  const text = [...maps, ...sets]
    .flat()
    .concat([...chains].flatMap(([name, { hook, rules }]) => [name, hook, ...rules]));
  return { version: contentName('base', text), maps, sets, chains };
}

function rulesOf(direction: Direction): readonly string[] {
  const side = direction === 'egress' ? 'saddr' : 'daddr';
  return [
    'ct direction reply accept',
    'ct state related accept',
    'ip saddr . ip daddr @self4 accept',
    'ip6 saddr . ip6 daddr @self6 accept',
    `ip ${side} vmap @${direction}4`,
    `ip6 ${side} vmap @${direction}6`,
  ];
}

export const baseTable: BaseTable = createBaseTable();
