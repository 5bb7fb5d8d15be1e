/** Link steps as rtnetlink messages (linux/rtnetlink.h, if_link.h, if_addr.h, veth.h). Pure. */
import { type IpAddress, parseAddress, parseInterfaceAddress } from '../../spec/ip-address.ts';
import type { ChildLinkKind, LinkStep } from '../link-step.ts';
import { addChildLinkBody, addLoneLinkBody } from './child-link-messages.ts';
import { IFLA, INFO, linkHeader, macBytes } from './link-attributes.ts';
import {
  attribute,
  messageFlags,
  nested,
  type NetlinkMessage,
  textAttribute,
  u32Attribute,
  u8Attribute,
} from './netlink-message.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;
const RTM_NEWLINKPROP = 108;
const RTM_DELLINKPROP = 109;

const VETH_INFO_PEER = 1;
const BRPORT = { MODE: 4, ISOLATED: 33 };
const AF_BRIDGE = 7;
const IFLA_AF_SPEC = 26;
const BRIDGE_VLAN_INFO = 2;
const VLAN_PVID = 2;
const VLAN_UNTAGGED = 4;
const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 };
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, METRICS: 8, TABLE: 15 };
const RTAX = { MTU: 2, ADVMSS: 8 };

const IFF_UP = 1;
const IFA_F_NODAD = 2;
const RTEXT_FILTER_SKIP_STATS = 8;
const RT_TABLE_UNSPEC = 0;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RTN_UNICAST = 1;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const addressFamilies = { 4: 2, 6: 10 } as const;

/** What a message cannot say by name. */
export interface KernelNumbers {
  /** Index of a link; throws when it is not there. */
  linkIndex(name: string): number;
  /** Descriptor of a network namespace. */
  netnsDescriptor(path: string): number;
}

/** Nearly every step is one message. */
export function linkStepMessages(step: LinkStep, numbers: KernelNumbers): readonly NetlinkMessage[] {
  if (step.step === 'setPortVlans') return portVlanMessages(step, numbers);
  return [linkStepMessage(step, numbers)];
}

export function linkStepMessage(
  step: Exclude<LinkStep, { step: 'setPortVlans' }>,
  numbers: KernelNumbers,
): NetlinkMessage {
  switch (step.step) {
    case 'addVethPair':
      return addVethPair(step, numbers);
    case 'addChildLink':
      return add(RTM_NEWLINK, addChildLinkBody(step, numbers));
    case 'addLoneLink':
      return add(RTM_NEWLINK, addLoneLinkBody(step));
    case 'renameLink':
      return change(RTM_NEWLINK, [linkHeader(numbers.linkIndex(step.name)), textAttribute(IFLA.IFNAME, step.newName)]);
    case 'addAlternativeName':
      return add(RTM_NEWLINKPROP, [linkHeader(numbers.linkIndex(step.name)), propertyList(step.alternativeName)]);
    case 'deleteAlternativeName':
      return change(RTM_DELLINKPROP, [
        linkHeader(),
        textAttribute(IFLA.ALT_IFNAME, step.alternativeName),
        propertyList(step.alternativeName),
      ]);
    case 'setLink':
      return change(RTM_NEWLINK, [
        linkHeader(0, step.isUp ? IFF_UP : 0, IFF_UP),
        textAttribute(IFLA.IFNAME, step.name),
        ...(step.alias === undefined ? [] : [attribute(IFLA.IFALIAS, Buffer.from(step.alias))]),
        ...(step.master === undefined ? [] : [u32Attribute(IFLA.MASTER, numbers.linkIndex(step.master))]),
      ]);
    case 'setBridgePort':
      return change(RTM_NEWLINK, [
        linkHeader(),
        textAttribute(IFLA.IFNAME, step.name),
        nested(
          IFLA.LINKINFO,
          textAttribute(INFO.SLAVE_KIND, 'bridge'),
          nested(
            INFO.SLAVE_DATA,
            u8Attribute(BRPORT.MODE, step.hairpin ? 1 : 0),
            u8Attribute(BRPORT.ISOLATED, step.isolated ? 1 : 0),
          ),
        ),
      ]);
    case 'deleteLink':
      return change(RTM_DELLINK, [linkHeader(), textAttribute(IFLA.IFNAME, step.name)]);
    case 'addAddress':
      return addAddress(step, numbers);
    case 'addRoute':
      return addRoute(step, numbers);
  }
}

function portVlanMessages(
  { name, add: added, remove }: StepOf<'setPortVlans'>,
  numbers: KernelNumbers,
): NetlinkMessage[] {
  const header = linkHeader(numbers.linkIndex(name));
  header.writeUInt8(AF_BRIDGE, 0);
  const body = (ids: readonly { id: number; flags: number }[]) => [
    header,
    nested(IFLA_AF_SPEC, ...ids.map(({ id, flags }) => attribute(BRIDGE_VLAN_INFO, vlanInfo(id, flags)))),
  ];
  const members = added.map(({ id, isNative }) => ({ id, flags: isNative ? VLAN_PVID | VLAN_UNTAGGED : 0 }));
  const left = remove.map((id) => ({ id, flags: 0 }));
  return [
    ...(members.length > 0 ? [change(RTM_SETLINK, body(members))] : []),
    ...(left.length > 0 ? [change(RTM_DELLINK, body(left))] : []),
  ];
}

/** struct bridge_vlan_info */
function vlanInfo(id: number, flags: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(flags, 0);
  bytes.writeUInt16LE(id, 2);
  return bytes;
}

/** Its answer begins like `linkHeader`. */
export function getLinkMessage(name: string): NetlinkMessage {
  const body = [linkHeader(), textAttribute(IFLA.IFNAME, name), u32Attribute(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS)];
  return { type: RTM_GETLINK, flags: messageFlags.request, body };
}

/** As above, of the link that has this alternative name. */
export function getLinkByAlternativeNameMessage(alternativeName: string): NetlinkMessage {
  const filter = u32Attribute(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  const body = [linkHeader(), textAttribute(IFLA.ALT_IFNAME, alternativeName), filter];
  return { type: RTM_GETLINK, flags: messageFlags.request, body };
}

/**
 * Asks for a link of a kind without what it hangs on: the kernel refuses it as incomplete when it knows the kind (EINVAL), and as
 * unknown when it does not (EOPNOTSUPP). Nothing is made either way.
 */
export function probeKindMessage(kind: ChildLinkKind['kind']): NetlinkMessage {
  return add(RTM_NEWLINK, [
    linkHeader(),
    textAttribute(IFLA.IFNAME, 'swprobe'),
    nested(IFLA.LINKINFO, textAttribute(INFO.KIND, kind)),
  ]);
}

function propertyList(alternativeName: string): Buffer {
  return nested(IFLA.PROP_LIST, textAttribute(IFLA.ALT_IFNAME, alternativeName));
}

export function linkIndexFrom(body: Buffer): number {
  return body.readInt32LE(4);
}

type StepOf<Name extends LinkStep['step']> = Extract<LinkStep, { step: Name }>;

function addVethPair({ name, mac, mtu, peer }: StepOf<'addVethPair'>, numbers: KernelNumbers): NetlinkMessage {
  const size = mtu === undefined ? [] : [u32Attribute(IFLA.MTU, mtu)];
  const farEnd = [
    linkHeader(),
    textAttribute(IFLA.IFNAME, peer.name),
    attribute(IFLA.ADDRESS, macBytes(peer.mac)),
    ...size,
    u32Attribute(IFLA.NET_NS_FD, numbers.netnsDescriptor(peer.netns)),
  ];
  return add(RTM_NEWLINK, [
    linkHeader(),
    textAttribute(IFLA.IFNAME, name),
    attribute(IFLA.ADDRESS, macBytes(mac)),
    ...size,
    nested(IFLA.LINKINFO, textAttribute(INFO.KIND, 'veth'), nested(INFO.DATA, nested(VETH_INFO_PEER, ...farEnd))),
  ]);
}

function addAddress(step: StepOf<'addAddress'>, numbers: KernelNumbers): NetlinkMessage {
  const { address, prefixLength } = parseInterfaceAddress(step.address);
  const header = Buffer.alloc(8); // struct ifaddrmsg
  header.writeUInt8(addressFamilies[address.family], 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt32LE(numbers.linkIndex(step.link), 4);
  const bytes = addressBytes(address);
  const flags = step.skipsDuplicateDetection && address.family === 6 ? [u32Attribute(IFA.FLAGS, IFA_F_NODAD)] : [];
  return add(RTM_NEWADDR, [header, attribute(IFA.LOCAL, bytes), attribute(IFA.ADDRESS, bytes), ...flags]);
}

function addRoute(step: StepOf<'addRoute'>, numbers: KernelNumbers): NetlinkMessage {
  const { address, prefixLength } = parseDestination(step.destination);
  const table = step.table ?? RT_TABLE_MAIN;
  const header = Buffer.alloc(12); // struct rtmsg
  header.writeUInt8(addressFamilies[address.family], 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt8(table > 255 ? RT_TABLE_UNSPEC : table, 4);
  header.writeUInt8(RTPROT_BOOT, 5);
  header.writeUInt8(step.scope ?? (step.gateway || address.family === 6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK), 6);
  header.writeUInt8(RTN_UNICAST, 7);
  const metrics = [
    ...(step.mtu === undefined ? [] : [u32Attribute(RTAX.MTU, step.mtu)]),
    ...(step.advmss === undefined ? [] : [u32Attribute(RTAX.ADVMSS, step.advmss)]),
  ];
  return add(RTM_NEWROUTE, [
    header,
    ...(prefixLength === 0 ? [] : [attribute(RTA.DST, addressBytes(address))]),
    ...(step.gateway === undefined ? [] : [attribute(RTA.GATEWAY, addressBytes(parseAddress(step.gateway)))]),
    u32Attribute(RTA.OIF, numbers.linkIndex(step.link)),
    ...(step.priority === undefined ? [] : [u32Attribute(RTA.PRIORITY, step.priority)]),
    ...(table > 255 ? [u32Attribute(RTA.TABLE, table)] : []),
    ...(metrics.length === 0 ? [] : [nested(RTA.METRICS, ...metrics)]),
  ]);
}

function change(type: number, body: readonly Uint8Array[]): NetlinkMessage {
  return { type, flags: messageFlags.request | messageFlags.ack, body };
}

function add(type: number, body: readonly Uint8Array[]): NetlinkMessage {
  const { request, ack, create, exclusive } = messageFlags;
  return { type, flags: request | ack | create | exclusive, body };
}

function parseDestination(text: string): { readonly address: IpAddress; readonly prefixLength: number } {
  if (text.includes('/')) return parseInterfaceAddress(text);
  const address = parseAddress(text);
  return { address, prefixLength: address.family === 4 ? 32 : 128 };
}

function addressBytes({ family, value }: IpAddress): Buffer {
  return Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex');
}
