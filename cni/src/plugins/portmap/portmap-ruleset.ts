import type { NftObject } from '../../host/host.ts';
import { formatAddress, formatNetwork, networkOf, parseInterfaceAddress } from '../../spec/ip-address.ts';
import type { Mapping } from './portmap-config.ts';

/**
 * Pure. One table per cluster. Its rules never change; an attachment is elements in maps and sets, each with a comment
 * that names the attachment and the pod, so that ADD and DEL cost what one pod is, however many there are.
 */
export function portmapTableName(clusterId: string): string {
  return `slipway-${clusterId}-portmap`;
}

/** Numbers, because a machine without /etc/protocols knows no names. */
const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 } as const;

export interface Element {
  /** Map or set that it is in. */
  readonly into: string;
  readonly key: string;
  /** What a map has for the key; a set has nothing. */
  readonly value: string | undefined;
}

export interface ContainerAddresses {
  /** `10.64.0.5/24` */
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
}

export function elementsFrom(
  mappings: readonly Mapping[],
  addresses: ContainerAddresses,
  snat: boolean,
): readonly Element[] {
  return ([4, 6] as const).flatMap((family) => {
    const address = family === 4 ? addresses.ipv4 : addresses.ipv6;
    const mine = mappings.filter((mapping) => mapping.family === undefined || mapping.family === family);
    if (!address || mine.length === 0) return [];
    const parsed = parseInterfaceAddress(address);
    const container = formatAddress(parsed.address);
    const subnet = formatNetwork(networkOf(parsed.address, parsed.prefixLength));
    const hairpin: Element = { into: `hairpin${family}`, key: `${subnet} . ${container}`, value: undefined };
    return [...mine.map((mapping) => elementFrom(mapping, family, container)), ...(snat ? [hairpin] : [])];
  });
}

function elementFrom(mapping: Mapping, family: 4 | 6, container: string): Element {
  const port = `${protocolNumbers[mapping.protocol]} . ${mapping.hostPort}`;
  const value = `${container} . ${mapping.containerPort}`;
  if (!mapping.hostIp) return { into: `any${family}`, key: port, value };
  return { into: `one${family}`, key: `${formatAddress(mapping.hostIp)} . ${port}`, value };
}

/** Ensures the table and adds the elements, all in one transaction. A port that is taken makes the whole of it fail. */
export function addScript(table: string, elements: readonly Element[], comment: string): string {
  return [
    tableScript(table),
    ...elements.map((element) => `add element inet ${table} ${element.into} { ${elementText(element, comment)} }`),
    '',
  ].join('\n');
}

export function removeScript(table: string, elements: readonly Pick<Element, 'into' | 'key'>[]): string {
  return elements.map(({ into, key }) => `delete element inet ${table} ${into} { ${key} }\n`).join('');
}

function elementText({ key, value }: Element, comment: string): string {
  return `${key} comment "${comment}"${value === undefined ? '' : ` : ${value}`}`;
}

/** Specific addresses come before all of them. Locally made connections pass `output`, all others `prerouting`. */
function tableScript(table: string): string {
  const maps = ([4, 6] as const).flatMap((family) => {
    const address = `ipv${family}_addr`;
    return [
      `add map inet ${table} any${family} { type inet_proto . inet_service : ${address} . inet_service; }`,
      `add map inet ${table} one${family} { type ${address} . inet_proto . inet_service : ${address} . inet_service; }`,
      `add set inet ${table} hairpin${family} { type ${address} . ${address}; flags interval; }`,
    ];
  });
  const translate = (['ip', 'ip6'] as const).flatMap((family) => {
    const n = family === 'ip' ? 4 : 6;
    return [
      `dnat ${family} to ${family} daddr . meta l4proto . th dport map @one${n}`,
      `dnat ${family} to meta l4proto . th dport map @any${n}`,
    ];
  });
  const rule = (chain: string) => (text: string) => `add rule inet ${table} ${chain} ${text}`;
  return [
    `add table inet ${table}`,
    ...maps,
    `add chain inet ${table} translate`,
    `add chain inet ${table} prerouting { type nat hook prerouting priority dstnat; policy accept; }`,
    `add chain inet ${table} output { type nat hook output priority -100; policy accept; }`,
    `add chain inet ${table} postrouting { type nat hook postrouting priority srcnat; policy accept; }`,
    ...['translate', 'prerouting', 'output', 'postrouting'].map((chain) => `flush chain inet ${table} ${chain}`),
    ...translate.map(rule('translate')),
    rule('prerouting')('fib daddr type local jump translate'),
    rule('output')('fib daddr type local jump translate'),
    ...[
      'ct status dnat ip saddr . ip daddr @hairpin4 masquerade fully-random',
      'ct status dnat ip6 saddr . ip6 daddr @hairpin6 masquerade fully-random',
      'ct status dnat ip saddr 127.0.0.0/8 oifname != "lo" masquerade fully-random',
    ].map(rule('postrouting')),
  ].join('\n');
}

export interface ListedElement {
  readonly into: string;
  readonly key: string;
  readonly comment: string;
}

/** The commented elements in the JSON of `nft -j list table`. */
export function listedElements(listing: readonly NftObject[]): readonly ListedElement[] {
  return listing.flatMap((object) => {
    const holder = object.map ?? object.set;
    const name = holder?.name;
    const elements = holder?.elem;
    if (typeof name !== 'string' || !Array.isArray(elements)) return [];
    return elements.flatMap((entry: unknown) => {
      const element = ((Array.isArray(entry) ? entry[0] : entry) as { elem?: { val?: unknown; comment?: string } })
        .elem;
      return element?.comment === undefined
        ? []
        : [{ into: name, key: keyText(element.val), comment: element.comment }];
    });
  });
}

function keyText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const { concat, prefix } = value as { concat?: readonly unknown[]; prefix?: { addr: string; len: number } };
  if (concat) return concat.map(keyText).join(' . ');
  return prefix ? `${prefix.addr}/${prefix.len}` : '';
}
