import { formatIp } from '@slipway/api/ip-address';
import type { AddressPool, NetworkCondition } from '@slipway/api/networks/network-types';
import type { EndpointSlice, Node, Service } from '@slipway/api/types';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { parseIp } from '@slipway/api/ip-address';
import type { Step } from '../../runtime/step.ts';
import { announcersAnnotation, announcersOf } from './announcers.ts';
import { type Assignment, assignAddresses } from './assign.ts';
import { type CheckedPool, checkPools, isInRange, sizeOf } from './pools.ts';

/** Value of `spec.loadBalancerClass` that means this controller, as having none does. */
export const ownClass = 'slipway.dev/arp';
/** A condition of Services. */
export const addressCondition = 'slipway.dev/LoadBalancerAddress';

export interface ObservedBalancers {
  /** Of type LoadBalancer, and those that were and still have something of ours. */
  readonly services: readonly { readonly service: Service; readonly slices: readonly EndpointSlice[] }[];
  readonly pools: readonly AddressPool[];
  readonly nodes: readonly Node[];
  readonly namespaceLabels: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** Pure: all services together, since one hand gives the addresses. */
export function planLoadBalancers(observed: ObservedBalancers, nowMs: number): readonly Step[] {
  const { services, nodes, namespaceLabels } = observed;
  const pools = checkPools(observed.pools);
  const nodeAddresses = new Map(
    nodes.flatMap(({ metadata, status }) =>
      (status?.addresses ?? []).flatMap(({ address }) =>
        parseIp(address) ? [[address, metadata.name ?? ''] as const] : [],
      ),
    ),
  );
  const slices = new Map(services.map((each) => [each.service, each.slices]));
  const ours = services.map(({ service }) => service).filter(isBalanced);
  const labelsOf = (namespace: string) => namespaceLabels.get(namespace) ?? {};
  const assigned = assignAddresses(ours, { pools, labelsOf, nodeAddresses });
  return [
    ...services.flatMap(({ service }) => (isBalanced(service) ? [] : planRelease(service))),
    ...assigned.flatMap((assignment) => planService(assignment, nodes, slices.get(assignment.service) ?? [], nowMs)),
    ...pools.flatMap((checked) => planPool(checked, assigned, nowMs)),
  ];
}

/** Whether we look after its addresses. */
export function isBalanced({ spec, metadata }: Service): boolean {
  const { type, loadBalancerClass } = spec;
  return type === 'LoadBalancer' && !metadata.deletionTimestamp && [undefined, ownClass].includes(loadBalancerClass);
}

/** Whether it has something that we wrote. */
export function isMarked({ metadata, status }: Service): boolean {
  return (
    metadata.annotations?.[announcersAnnotation] !== undefined ||
    (status?.conditions?.some(({ type }) => type === addressCondition) ?? false)
  );
}

function planService(
  { service, ips, pools, problem }: Assignment,
  nodes: readonly Node[],
  slices: readonly EndpointSlice[],
  nowMs: number,
): Step[] {
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  // Somebody else gives it an address, and we have nothing for it.
  if (ips.length === 0 && ingress.length > 0 && !isMarked(service)) return [];
  const condition: NetworkCondition = problem
    ? { type: addressCondition, status: 'False', reason: 'AllocationFailed', message: problem, lastTransitionTime: '' }
    : {
        type: addressCondition,
        status: 'True',
        reason: 'Assigned',
        message: `${ips.join(', ')} from AddressPool ${pools.join(', ')}`,
        lastTransitionTime: '',
      };
  const conditions = withCondition(service.status?.conditions as NetworkCondition[] | undefined, condition, nowMs);
  const wanted = ips.map((ip) => ({ ip, ipMode: 'VIP' }));
  const steps: Step[] = [];
  if (conditions || !semanticEqual(ingress, wanted)) {
    const status = {
      loadBalancer: { ingress: wanted.length > 0 ? wanted : null },
      ...(conditions ? { conditions } : {}),
    };
    const done = problem
      ? { type: 'Warning' as const, reason: 'AllocationFailed', message: `Failed to allocate an address: ${problem}` }
      : { type: 'Normal' as const, reason: 'IPAllocated', message: `Assigned ${condition.message}` };
    steps.push({
      op: 'patch',
      kind: kinds.services,
      target: service,
      subresource: 'status',
      patch: { status },
      tells: { about: service, done },
    });
  }
  return [...steps, ...planAnnouncers(service, announcersOf(service, ips, nodes, slices))];
}

function planAnnouncers(service: Service, announcers: readonly string[]): Step[] {
  const before = service.metadata.annotations?.[announcersAnnotation];
  const after = announcers.length > 0 ? announcers.join(',') : undefined;
  if (before === after) return [];
  const [first] = announcers;
  const message = first ? `announcing from node "${first}" by ARP` : 'no node can announce its address';
  const isMove = first !== before?.split(',')[0];
  return [
    {
      op: 'patch',
      kind: kinds.services,
      target: service,
      patch: { metadata: { annotations: { [announcersAnnotation]: after ?? null } } },
      evenIfChanged: true,
      ...(isMove ? { tells: { about: service, done: { type: 'Normal', reason: 'nodeAssigned', message } } } : {}),
    },
  ];
}

/** It is of another type or class now: what we wrote is taken back. */
function planRelease(service: Service): Step[] {
  if (!isMarked(service)) return [];
  const conditions = (service.status?.conditions ?? []).filter(({ type }) => type !== addressCondition);
  const status = { loadBalancer: { ingress: null }, conditions: conditions.length > 0 ? conditions : null };
  return [
    { op: 'patch', kind: kinds.services, target: service, subresource: 'status', patch: { status } },
    ...planAnnouncers(service, []).map((step) => ({ ...step, tells: undefined }) as Step),
  ];
}

function planPool({ pool, ranges, problem }: CheckedPool, assigned: readonly Assignment[], nowMs: number): Step[] {
  const held = assigned
    .flatMap(({ ips }) => ips)
    .filter((ip) => {
      const address = parseIp(ip);
      return address && ranges.some((range) => isInRange(range, address));
    }).length;
  const condition: NetworkCondition = {
    type: 'Ready',
    status: problem ? 'False' : 'True',
    reason: problem?.reason ?? 'Usable',
    message: problem?.message ?? rangesText(ranges),
    lastTransitionTime: '',
  };
  const conditions = withCondition(pool.status?.conditions, condition, nowMs);
  const free = String(sizeOf(ranges) - BigInt(held));
  if (!conditions && pool.status?.assigned === held && pool.status.free === free) return [];
  const status = { assigned: held, free, ...(conditions ? { conditions } : {}) };
  const done = { type: 'Warning' as const, reason: condition.reason, message: condition.message };
  return [
    {
      op: 'patch',
      kind: kinds.addressPools,
      target: pool,
      subresource: 'status',
      patch: { status },
      ...(problem && conditions ? { tells: { about: pool, done } } : {}),
    },
  ];
}

function rangesText(ranges: readonly { family: 4 | 6; first: bigint; last: bigint }[]): string {
  const texts = ranges.map(
    ({ family, first, last }) => `${formatIp({ family, value: first })}-${formatIp({ family, value: last })}`,
  );
  return `gives ${texts.join(', ')}`;
}

/** The list with the condition in its place; undefined when it says so already. */
function withCondition(
  before: readonly NetworkCondition[] | undefined,
  condition: NetworkCondition,
  nowMs: number,
): NetworkCondition[] | undefined {
  const known = before?.find(({ type }) => type === condition.type);
  if (known && (['status', 'reason', 'message'] as const).every((field) => known[field] === condition[field])) {
    return undefined;
  }
  const isSame = known?.status === condition.status;
  const lastTransitionTime = isSame ? known.lastTransitionTime : formatTime(nowMs);
  return [...(before ?? []).filter(({ type }) => type !== condition.type), { ...condition, lastTransitionTime }];
}
