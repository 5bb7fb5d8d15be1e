import type { NftElement, NftTable } from '../../host/netlink/set-messages.ts';
import { addressField, networkFields, portField, protocolField } from '../../host/nft-fields.ts';
import { networkOf, parseInterfaceAddress, parseNetwork } from '../../spec/ip-address.ts';
import { digest } from '../names.ts';
import type { Mapping, PortmapConfig } from './portmap-config.ts';

/**
 * Pure. One table per cluster. Its rules never change; an attachment is elements in maps and sets, each with a comment
 * that names the attachment and the pod, so that ADD and DEL cost what one pod is, however many there are.
 */
export function portmapTableName(clusterId: string): string {
  return `slipway-${clusterId}-portmap`;
}

export function portmapTable(clusterId: string): NftTable {
  return { family: 'inet', name: portmapTableName(clusterId) };
}

/** All that hold elements of attachments. */
export const portmapSets = ['any4', 'one4', 'hairpin4', 'any6', 'one6', 'hairpin6'] as const;

export interface ContainerAddresses {
  /** `10.64.0.5/24` */
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
}

export function portmapElements(
  { mappings, snat, masqAll }: PortmapConfig,
  addresses: ContainerAddresses,
  comment: string,
): readonly NftElement[] {
  return ([4, 6] as const).flatMap((family) => {
    const text = family === 4 ? addresses.ipv4 : addresses.ipv6;
    const mine = mappings.filter((mapping) => mapping.family === undefined || mapping.family === family);
    if (!text || mine.length === 0) return [];
    const { address, prefixLength } = parseInterfaceAddress(text);
    const container = addressField(address);
    const everyone = parseNetwork(family === 4 ? '0.0.0.0/0' : '::/0');
    const { first, last } = networkFields(masqAll ? everyone : networkOf(address, prefixLength));
    const hairpin: NftElement = {
      set: `hairpin${family}`,
      key: Buffer.concat([first, container]),
      keyEnd: Buffer.concat([last, container]),
      comment,
    };
    return [
      ...mine.map((mapping) => mappingElement(mapping, { family, container, comment })),
      ...(snat ? [hairpin] : []),
    ];
  });
}

interface Target {
  readonly family: 4 | 6;
  readonly container: Buffer;
  readonly comment: string;
}

function mappingElement(mapping: Mapping, { family, container, comment }: Target): NftElement {
  const port = Buffer.concat([protocolField(mapping.protocol), portField(mapping.hostPort)]);
  const value = Buffer.concat([container, portField(mapping.containerPort)]);
  if (!mapping.hostIp) return { set: `any${family}`, key: port, value, comment };
  return { set: `one${family}`, key: Buffer.concat([addressField(mapping.hostIp), port]), value, comment };
}

/** The table with its maps and rules, as one transaction that leaves the elements alone. Idempotent. */
export function portmapRuleset(table: string): string {
  return `${rulesOf(table)}\nadd set inet ${table} ${rulesMarker(table)} { type inet_service; }\n`;
}

/** An empty set whose name says which rules the table has, so that it can be asked whether they are these. */
export function rulesMarker(table: string): string {
  return `rules-${digest(rulesOf(table)).slice(0, 8)}`;
}

/** Specific addresses come before all of them. Locally made connections pass `output`, all others `prerouting`. */
function rulesOf(table: string): string {
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
