import { derivedVni, vniMax } from '@slipway/api/networks/network-vni';
import { isDeepStrictEqual } from 'node:util';
import { type IpBlock, parseCidr } from '@slipway/api/ip-address';
import { effectiveSubnets, formatBlock, subnetSpecOf } from '@slipway/api/networks/network-addresses';
import {
  defaultNetworkName,
  type Network,
  type NetworkCondition,
  networksGroup,
} from '@slipway/api/networks/network-types';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Plan, Step } from '../../runtime/step.ts';
import { conflictOf, overlapWithServices, type Problem, type Settled } from './conflicts.ts';
import { freeSubnets } from './free-subnets.ts';

/** In CIDR notation. */
export interface ClusterRanges {
  /** For the Network `default`, where somebody has deleted it. */
  readonly clusterCidr: string;
  /** What no Network may have, where it is known. */
  readonly serviceCidr?: string;
}

export interface ObservedNetworks {
  readonly networks: readonly Network[];
  /** Keys of the pods that are on a Network which is being deleted, by its name. */
  readonly usedBy: ReadonlyMap<string, readonly string[]>;
  readonly ranges: ClusterRanges;
}

/** Pods need what is written here when they leave the network. */
export const inUseFinalizer = 'networks.slipway.dev/in-use';
/** Pods that a message names; there may be thousands. */
const namedPodsMax = 3;

/**
 * All Networks at once, the oldest first, so that two that come together never get the same number or addresses. What one has it keeps. Pure.
 */
export function planNetworks({ networks, usedBy, ranges }: ObservedNetworks, nowMs: number): Plan {
  const steps: Step[] = [];
  if (!networks.some(({ metadata }) => metadata.name === defaultNetworkName))
    steps.push(...clusterNetwork(ranges.clusterCidr));
  const ordered = networks.toSorted(byAge);
  const vnis = new Set(ordered.flatMap((network) => ownVni(network) ?? []));
  const services = parseCidr(ranges.serviceCidr ?? '');
  const subnets = ordered.flatMap((network) => effectiveSubnets(network).map(({ subnet }) => subnet));
  const taken = services ? [services, ...subnets] : subnets;
  const settled: Settled[] = [];
  for (const network of ordered) {
    if (network.metadata.deletionTimestamp) {
      steps.push(...leave(network, usedBy.get(network.metadata.name ?? '') ?? [], nowMs));
      settled.push({ network, subnets: effectiveSubnets(network), vni: network.status?.vni });
      continue;
    }
    const guard = guardSteps(network);
    steps.push(...guard);
    const own = settle(network, { vnis, taken });
    const problem = own.problem ?? overlapWithServices(own.settled, services) ?? conflictOf(own.settled, settled);
    if (!problem) settled.push(own.settled);
    steps.push(...statusSteps(own.settled, problem, nowMs));
  }
  return { steps, status: 'unchanged' };
}

function clusterNetwork(clusterCidr: string): Step[] {
  const block = parseCidr(clusterCidr);
  if (!block) return [];
  const subnet = formatBlock(block);
  const spec = {
    driver: 'overlay' as const,
    subnets: [{ subnet, range: subnet }],
    options: { backend: 'vxlan' },
  };
  const metadata = { name: defaultNetworkName };
  const object: Network = { apiVersion: `${networksGroup}/v1`, kind: 'Network', metadata, spec };
  return [{ op: 'create', kind: kinds.networks, object }];
}

/** The cluster network is put back when it is deleted: nobody has to wait for that. */
function guardSteps(network: Network): Step[] {
  const { name, finalizers = [] } = network.metadata;
  if (name === defaultNetworkName || finalizers.includes(inUseFinalizer)) return [];
  const patch = { metadata: { finalizers: [...finalizers, inUseFinalizer] } };
  return [{ op: 'patch', kind: kinds.networks, target: network, patch }];
}

function leave(network: Network, pods: readonly string[], nowMs: number): Step[] {
  const { finalizers = [] } = network.metadata;
  if (!finalizers.includes(inUseFinalizer)) return [];
  if (pods.length === 0) {
    const rest = finalizers.filter((each) => each !== inUseFinalizer);
    return [{ op: 'patch', kind: kinds.networks, target: network, patch: { metadata: { finalizers: rest } } }];
  }
  const named = pods.toSorted().slice(0, namedPodsMax).join(', ');
  const more = pods.length > namedPodsMax ? ` and ${pods.length - namedPodsMax} more` : '';
  const message = `is deleted when these pods are gone: ${named}${more}`;
  return conditionSteps(network, {}, { reason: 'InUse', message }, nowMs);
}

interface Taken {
  readonly vnis: Set<number>;
  readonly taken: IpBlock[];
}

function settle(network: Network, all: Taken): { readonly settled: Settled; readonly problem?: Problem } {
  const { driver, subnets = [], ipv6 = false } = network.spec;
  if (driver === 'host' || driver === 'none') return { settled: { network, subnets: [], vni: undefined } };
  const vni = driver === 'overlay' ? (ownVni(network) ?? freeVni(all.vnis, network)) : undefined;
  const known = effectiveSubnets(network);
  if (subnets.length > 0 || known.length > 0) return { settled: { network, subnets: known, vni } };
  const given = freeSubnets(all.taken, ipv6);
  if (given.length === 0) {
    const message = 'the pool of subnets is used up: name one in spec.subnets';
    return { settled: { network, subnets: [], vni }, problem: { reason: 'NoSubnetLeft', message } };
  }
  all.taken.push(...given.flatMap((text) => parseCidr(text) ?? []));
  const filled = { ...network, status: { subnets: given.map((subnet) => ({ subnet })) } };
  return { settled: { network, subnets: effectiveSubnets(filled), vni } };
}

/** The one that it asks for, or has. */
function ownVni({ spec, status }: Network): number | undefined {
  if (spec.driver !== 'overlay') return undefined;
  const wanted = spec.options?.vni;
  if (wanted !== undefined) return Number(wanted);
  return status?.vni;
}

/** The one that follows from its uid, which agents take before it is written here, or the next free one. */
function freeVni(vnis: Set<number>, { metadata }: Network): number | undefined {
  const first = derivedVni(metadata.uid ?? '');
  for (let i = 0; i < vniMax; i++) {
    const vni = ((first - 1 + i) % vniMax) + 1;
    if (vnis.has(vni)) continue;
    vnis.add(vni);
    return vni;
  }
  return undefined;
}

function statusSteps({ network, subnets, vni }: Settled, problem: Problem | undefined, nowMs: number): Step[] {
  const rest = {
    ...(vni === undefined ? {} : { vni }),
    ...(subnets.length > 0 ? { subnets: subnets.map(subnetSpecOf) } : {}),
  };
  return conditionSteps(network, rest, problem, nowMs);
}

function conditionSteps(
  network: Network,
  rest: Pick<NonNullable<Network['status']>, 'vni' | 'subnets'>,
  problem: Problem | undefined,
  nowMs: number,
): Step[] {
  const { conditions = [] } = network.status ?? {};
  const known = conditions.find(({ type }) => type === 'Ready');
  const status = problem ? 'False' : 'True';
  const ready: NetworkCondition = {
    type: 'Ready',
    status,
    reason: problem?.reason ?? 'Ready',
    message: problem?.message ?? 'pods can join',
    lastTransitionTime: known?.status === status ? known.lastTransitionTime : formatTime(nowMs),
    ...(network.metadata.generation === undefined ? {} : { observedGeneration: network.metadata.generation }),
  };
  const wanted = {
    ...network.status,
    ...rest,
    conditions: [...conditions.filter(({ type }) => type !== 'Ready'), ready],
  };
  if (isDeepStrictEqual(wanted, network.status)) return [];
  const isNew = problem !== undefined && (known?.reason !== problem.reason || known.message !== problem.message);
  const done = { type: 'Warning', reason: ready.reason, message: ready.message } as const;
  return [
    {
      op: 'patch',
      kind: kinds.networks,
      target: network,
      patch: { status: wanted },
      subresource: 'status',
      evenIfChanged: true,
      ...(isNew ? { tells: { about: network, done } } : {}),
    },
  ];
}

/** Older ones first, the cluster's own before all; then by name. */
function byAge(a: Network, b: Network): number {
  const [x, y] = [a, b].map(({ metadata }) => {
    return `${metadata.name === defaultNetworkName ? 0 : 1} ${metadata.creationTimestamp ?? ''} ${metadata.name}`;
  });
  return (x ?? '') < (y ?? '') ? -1 : 1;
}
