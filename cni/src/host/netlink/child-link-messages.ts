/** New links that hang on others, or on nothing, as attributes of rtnetlink (linux/if_link.h, if_vlan.h). Pure. */
import { type ChildLinkKind, ipvlanFlags, ipvlanModes, type LinkStep, macvlanModes } from '../link-step.ts';
import { IFLA, INFO, linkHeader, macBytes } from './link-attributes.ts';
import type { KernelNumbers } from './link-messages.ts';
import { attribute, nested, textAttribute, u16Attribute, u32Attribute } from './netlink-message.ts';

const MACVLAN = { MODE: 1, BC_QUEUE_LEN: 7 };
const IPVLAN = { MODE: 1, FLAGS: 2 };
const VLAN = { ID: 1 };

type StepOf<Name extends LinkStep['step']> = Extract<LinkStep, { step: Name }>;

export function addChildLinkBody(step: StepOf<'addChildLink'>, numbers: KernelNumbers): Buffer[] {
  return [
    ...newLink(step),
    u32Attribute(IFLA.LINK, numbers.linkIndex(step.parent)),
    ...(step.netns === undefined ? [] : [u32Attribute(IFLA.NET_NS_FD, numbers.netnsDescriptor(step.netns))]),
    nested(IFLA.LINKINFO, textAttribute(INFO.KIND, step.child.kind), nested(INFO.DATA, ...kindData(step.child))),
  ];
}

export function addLoneLinkBody(step: StepOf<'addLoneLink'>): Buffer[] {
  return [...newLink(step), nested(IFLA.LINKINFO, textAttribute(INFO.KIND, step.kind))];
}

function newLink({ name, mac, mtu, group }: StepOf<'addLoneLink'> | StepOf<'addChildLink'>): Buffer[] {
  return [
    linkHeader(),
    textAttribute(IFLA.IFNAME, name),
    ...(mac === undefined ? [] : [attribute(IFLA.ADDRESS, macBytes(mac))]),
    ...(mtu === undefined ? [] : [u32Attribute(IFLA.MTU, mtu)]),
    ...(group === undefined ? [] : [u32Attribute(IFLA.GROUP, group)]),
  ];
}

function kindData(child: ChildLinkKind): Buffer[] {
  switch (child.kind) {
    case 'macvlan': {
      const { broadcastQueueLength: length } = child;
      const queue = length === undefined ? [] : [u32Attribute(MACVLAN.BC_QUEUE_LEN, length)];
      return [u32Attribute(MACVLAN.MODE, macvlanModes[child.mode]), ...queue];
    }
    case 'ipvlan':
      return [u16Attribute(IPVLAN.MODE, ipvlanModes[child.mode]), u16Attribute(IPVLAN.FLAGS, ipvlanFlags[child.flag])];
    case 'vlan':
      return [u16Attribute(VLAN.ID, child.id)];
  }
}
