/** Pure: which Networks cannot be on one cluster with others. Of two the younger one is wrong. */
import type { IpBlock } from '@slipway/api/ip-address';
import { blocksOverlap, type EffectiveSubnet, formatBlock } from '@slipway/api/networks/network-addresses';
import type { Network } from '@slipway/api/networks/network-types';

export interface Problem {
  readonly reason: string;
  readonly message: string;
}

/** A Network with what is in effect. */
export interface Settled {
  readonly network: Network;
  readonly subnets: readonly EffectiveSubnet[];
  readonly vni: number | undefined;
}

/** `others`: those that were there before, without problems of their own. */
export function conflictOf(one: Settled, others: readonly Settled[]): Problem | undefined {
  for (const other of others) {
    const problem = overlap(one, other) ?? sameVni(one, other) ?? sameParent(one, other);
    if (problem) return problem;
  }
  return undefined;
}

/** A node translates every packet to an address of a service, so nothing else can have it. */
export function overlapWithServices({ subnets }: Settled, services: IpBlock | undefined): Problem | undefined {
  const hit = services && subnets.find(({ subnet }) => blocksOverlap(subnet, services));
  if (!hit) return undefined;
  const message = `subnet ${formatBlock(hit.subnet)} overlaps with ${formatBlock(services)}, the addresses of services: choose another subnet`;
  return { reason: 'SubnetOverlap', message };
}

function overlap(one: Settled, other: Settled): Problem | undefined {
  for (const { subnet } of one.subnets) {
    const hit = other.subnets.find((each) => blocksOverlap(subnet, each.subnet));
    if (!hit) continue;
    const message = `subnet ${formatBlock(subnet)} overlaps with ${formatBlock(hit.subnet)} of Network ${nameOf(other)}: choose another subnet`;
    return { reason: 'SubnetOverlap', message };
  }
  return undefined;
}

function sameVni(one: Settled, other: Settled): Problem | undefined {
  if (one.vni === undefined || one.vni !== other.vni) return undefined;
  return {
    reason: 'VNIConflict',
    message: `vni ${one.vni} is that of Network ${nameOf(other)}: choose another, or none to be given one`,
  };
}

/** The kernel lets an interface have children of one kind, and in mode passthru a single one. */
function sameParent(one: Settled, other: Settled): Problem | undefined {
  const [a, b] = [one.network.spec, other.network.spec];
  const parent = a.options?.parent;
  if (parent === undefined || parent !== b.options?.parent || a.internal || b.internal) return undefined;
  if (a.driver !== b.driver) {
    const message = `parent ${parent} has the driver ${b.driver} in Network ${nameOf(other)}, and an interface cannot have ${a.driver} besides: choose another parent`;
    return { reason: 'ParentConflict', message };
  }
  const passthru = [a, b].find(({ options }) => options?.macvlan_mode === 'passthru');
  if (!passthru) return undefined;
  const message = `parent ${parent} is shared with Network ${nameOf(other)}, and mode passthru takes it as a whole: choose another parent or mode`;
  return { reason: 'ParentConflict', message };
}

function nameOf({ network }: Settled): string {
  return network.metadata.name ?? '';
}
