/** Routes, neighbours and forwarding entries as rtnetlink messages (linux/rtnetlink.h, neighbour.h). Pure. */
import { type IpAddress, formatAddress, parseAddress, parseInterfaceAddress } from '../../spec/ip-address.ts';
import type { TableEntry, TableStep } from '../table-step.ts';
import { macBytes } from './link-attributes.ts';
import { attribute, decodeAttributes, messageFlags, type NetlinkMessage, u32Attribute } from './netlink-message.ts';

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;

const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, TABLE: 15, VIA: 18 };
const NDA = { DST: 1, LLADDR: 2, IFINDEX: 8 };
const AF_BRIDGE = 7;
const addressFamilies = { 4: 2, 6: 10 } as const;
const RT_TABLE_MAIN = 254;
const RTN_UNICAST = 1;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTNH_F_ONLINK = 4;
/** What IPv6 routes have that were made without a metric. */
const IP6_RT_PRIO_USER = 1024;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;
const NTF_SELF = 2;

const routeHeaderBytes = 12;
const neighbourHeaderBytes = 12;

/** Without a request for an acknowledgement: whoever sends several asks for that of the last. */
export function tableStepMessage({ step, entry }: TableStep, linkIndex: number): NetlinkMessage {
  const { request, create, exclusive, replace } = messageFlags;
  const flags = { add: request | create | exclusive, replace: request | create | replace, delete: request }[step];
  const isGone = step === 'delete';
  switch (entry.kind) {
    case 'route':
      return { type: isGone ? RTM_DELROUTE : RTM_NEWROUTE, flags, body: routeBody(entry, linkIndex, isGone) };
    case 'neighbour': {
      const { address, mac } = entry;
      const family = addressFamilies[parseAddress(address).family];
      const attributes = [
        attribute(NDA.DST, addressBytes(parseAddress(address))),
        attribute(NDA.LLADDR, macBytes(mac)),
      ];
      const body = [neighbourHeader(family, linkIndex, NUD_PERMANENT, 0), ...attributes];
      return { type: isGone ? RTM_DELNEIGH : RTM_NEWNEIGH, flags, body };
    }
    case 'forwarding': {
      const { mac, remote } = entry;
      const attributes = [attribute(NDA.DST, addressBytes(parseAddress(remote))), attribute(NDA.LLADDR, macBytes(mac))];
      const body = [neighbourHeader(AF_BRIDGE, linkIndex, NUD_PERMANENT | NUD_NOARP, NTF_SELF), ...attributes];
      return { type: isGone ? RTM_DELNEIGH : RTM_NEWNEIGH, flags, body };
    }
  }
}

function routeBody(entry: Extract<TableEntry, { kind: 'route' }>, linkIndex: number, isGone: boolean): Uint8Array[] {
  const { address, prefixLength } = parseInterfaceAddress(entry.destination);
  const table = entry.table ?? RT_TABLE_MAIN;
  const gateway = entry.gateway === undefined ? undefined : parseAddress(entry.gateway);
  const scope = gateway || address.family === 6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  const header = Buffer.alloc(routeHeaderBytes);
  header.writeUInt8(addressFamilies[address.family], 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt8(table > 255 ? 0 : table, 4);
  header.writeUInt8(entry.protocol, 5);
  header.writeUInt8(isGone ? RT_SCOPE_NOWHERE : scope, 6);
  header.writeUInt8(RTN_UNICAST, 7);
  header.writeUInt32LE(entry.isOnLink && !isGone ? RTNH_F_ONLINK : 0, 8);
  return [
    header,
    ...(prefixLength === 0 ? [] : [attribute(RTA.DST, addressBytes(address))]),
    ...(gateway === undefined || isGone ? [] : [gatewayAttribute(gateway, address.family)]),
    u32Attribute(RTA.OIF, linkIndex),
    ...(entry.priority === undefined ? [] : [u32Attribute(RTA.PRIORITY, entry.priority)]),
    ...(table > 255 ? [u32Attribute(RTA.TABLE, table)] : []),
  ];
}

/** struct rtvia: a family in front, where it is not that of the destination. */
function gatewayAttribute(gateway: IpAddress, family: 4 | 6): Buffer {
  if (gateway.family === family) return attribute(RTA.GATEWAY, addressBytes(gateway));
  const head = Buffer.alloc(2);
  head.writeUInt16LE(addressFamilies[gateway.family]);
  return attribute(RTA.VIA, Buffer.concat([head, addressBytes(gateway)]));
}

/** struct ndmsg */
function neighbourHeader(family: number, linkIndex: number, state: number, flags: number): Buffer {
  const header = Buffer.alloc(neighbourHeaderBytes);
  header.writeUInt8(family, 0);
  header.writeInt32LE(linkIndex, 4);
  header.writeUInt16LE(state, 8);
  header.writeUInt8(flags, 10);
  return header;
}

export interface TableFilter {
  readonly link: string;
  readonly linkIndex: number;
}

/** One dump for each kind of entry and family. A kernel that knows no strict filters answers more than was asked for. */
export function dumpMessages({ linkIndex }: TableFilter): readonly NetlinkMessage[] {
  const flags = messageFlags.request | messageFlags.dump;
  const routes = [4, 6].map((family) => {
    const header = Buffer.alloc(routeHeaderBytes);
    header.writeUInt8(addressFamilies[family as 4 | 6], 0);
    return { type: RTM_GETROUTE, flags, body: [header, u32Attribute(RTA.OIF, linkIndex)] };
  });
  const neighbours = [addressFamilies[4], addressFamilies[6], AF_BRIDGE].map((family) => {
    return {
      type: RTM_GETNEIGH,
      flags,
      body: [neighbourHeader(family, 0, 0, 0), u32Attribute(NDA.IFINDEX, linkIndex)],
    };
  });
  return [...routes, ...neighbours];
}

/** What one message of a dump says about the link; undefined for entries that are not of the kinds that we make. */
export function tableEntryFrom(type: number, body: Buffer, filter: TableFilter): TableEntry | undefined {
  if (type === RTM_NEWROUTE) return routeFrom(body, filter);
  if (type === RTM_NEWNEIGH) return neighbourFrom(body, filter);
  return undefined;
}

function routeFrom(body: Buffer, { link, linkIndex }: TableFilter): TableEntry | undefined {
  const family = familyOf(body.readUInt8(0));
  if (family === undefined || body.readUInt8(7) !== RTN_UNICAST) return undefined;
  const found = decodeAttributes(body.subarray(routeHeaderBytes));
  if (found.get(RTA.OIF)?.readUInt32LE(0) !== linkIndex) return undefined;
  const table = found.get(RTA.TABLE)?.readUInt32LE(0) ?? body.readUInt8(4);
  const bytes = found.get(RTA.DST) ?? Buffer.alloc(family === 4 ? 4 : 16);
  const via = found.get(RTA.VIA);
  const gateway = found.get(RTA.GATEWAY) ?? via?.subarray(2);
  const priority = found.get(RTA.PRIORITY)?.readUInt32LE(0);
  return {
    kind: 'route',
    destination: `${textOf(bytes)}/${body.readUInt8(1)}`,
    link,
    ...(gateway ? { gateway: textOf(gateway) } : {}),
    ...(body.readUInt32LE(8) & RTNH_F_ONLINK ? { isOnLink: true } : {}),
    protocol: body.readUInt8(5),
    ...(table === RT_TABLE_MAIN ? {} : { table }),
    ...(priority === undefined || (family === 6 && priority === IP6_RT_PRIO_USER) ? {} : { priority }),
  };
}

function neighbourFrom(body: Buffer, { link, linkIndex }: TableFilter): TableEntry | undefined {
  if (body.readInt32LE(4) !== linkIndex || !(body.readUInt16LE(8) & NUD_PERMANENT)) return undefined;
  const found = decodeAttributes(body.subarray(neighbourHeaderBytes));
  const [address, hardware] = [found.get(NDA.DST), found.get(NDA.LLADDR)];
  if (!address || hardware?.length !== 6) return undefined;
  const mac = hardware.toString('hex').replaceAll(/(..)(?!$)/g, '$1:');
  if (body.readUInt8(0) === AF_BRIDGE) return { kind: 'forwarding', link, mac, remote: textOf(address) };
  return { kind: 'neighbour', link, address: textOf(address), mac };
}

function familyOf(number: number): 4 | 6 | undefined {
  if (number === addressFamilies[4]) return 4;
  return number === addressFamilies[6] ? 6 : undefined;
}

function textOf(bytes: Buffer): string {
  return formatAddress({ family: bytes.length === 4 ? 4 : 6, value: BigInt(`0x${bytes.toString('hex')}`) });
}

function addressBytes({ family, value }: IpAddress): Buffer {
  return Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex');
}
