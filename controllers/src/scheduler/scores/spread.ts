/** Preferred spreading over domains. Source: core/v1 TopologySpreadConstraint with ScheduleAnyway. */
import type { NodeInfo } from '../cluster/node-info.ts';
import type { TopologyColumn } from '../cluster/topology-column.ts';
import { type Contest, type ContestScore, scoreMax } from '../cycle/score.ts';
import { inclusionOf } from '../filters/pod-topology-spread.ts';
import { countsFromArray, hostKey, type PodCounts, siblingsOf, systemConstraints } from './default-spread.ts';

/** One constraint, ready to be counted. */
interface Axis {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly counts: PodCounts;
  /** Whether the node's pods count; undefined = all do. */
  readonly includes: ((node: NodeInfo) => boolean) | undefined;
}

interface CountedAxis {
  readonly axis: Axis;
  readonly column: TopologyColumn;
  /** Matching pods by domain; undefined for hosts, which are counted one by one. */
  readonly totals: Int32Array | undefined;
  /** Small topologies are not drowned by large ones. */
  readonly weight: number;
}

/** Which nodes are part of the contest; undefined = all are. */
type Contender = ((slot: number) => boolean) | undefined;

function axesOf({ pod, cluster, args }: Contest): { axes: readonly Axis[]; needsAllKeys: boolean } {
  const own = pod.demand.spread.length > 0 ? pod.demand.spread : args.defaultConstraintsOf(pod, cluster);
  if (own.length > 0) {
    const soft = own.filter(({ isHard }) => !isHard);
    const axes = soft.map((constraint) => ({
      ...constraint,
      counts: countsFromArray(cluster.indexes.countsOf(constraint.selection)),
      includes: inclusionOf(constraint, pod, cluster),
    }));
    return { axes, needsAllKeys: true };
  }
  const siblings = args.spreadsByDefault ? siblingsOf(pod, cluster) : undefined;
  if (!siblings) return { axes: [], needsAllKeys: false };
  const wanted = pod.demand.nodes;
  const includes = wanted && cluster.indexes.selector(wanted);
  const axes = systemConstraints.map((constraint) => ({ ...constraint, counts: siblings, includes }));
  return { axes, needsAllKeys: false };
}

function countAxis(axis: Axis, { cluster, feasible }: Contest, contends: Contender): CountedAxis {
  const column = cluster.indexes.topology(axis.topologyKey);
  const contenders = contends ? feasible.filter(({ slot }) => contends(slot)) : feasible;
  if (axis.topologyKey === hostKey) return { axis, column, totals: undefined, weight: Math.log(contenders.length + 2) };
  // Domains without a feasible node are of no interest. The last place is for nodes without the label.
  const { size: unlabelled, domains } = column;
  const totals = new Int32Array(unlabelled + 1).fill(-1);
  const placeOf = (slot: number) => {
    const domain = domains[slot] ?? -1;
    return domain < 0 ? unlabelled : domain;
  };
  let size = 0;
  for (const { slot } of contenders) {
    const place = placeOf(slot);
    if (totals[place] !== -1) continue;
    totals[place] = 0;
    size++;
  }
  axis.counts.each((slot, count) => {
    const place = placeOf(slot);
    const total = totals[place] ?? -1;
    if (total < 0 || (contends && !contends(slot))) return;
    const node = axis.includes && cluster.nodeAt(slot);
    if (!node || axis.includes?.(node)) totals[place] = total + count;
  });
  return { axis, column, totals, weight: Math.log(size + 2) };
}

function rawScore(counted: readonly CountedAxis[], slot: number): number {
  let sum = 0;
  for (const { axis, column, totals, weight } of counted) {
    const domain = column.domainOf(slot);
    if (domain < 0) continue;
    const count = totals ? (totals[domain] ?? 0) : axis.counts.at(slot);
    sum += count * weight + (axis.maxSkew - 1);
  }
  return Math.round(sum);
}

/** A node that lacks one of the keys is no part of the contest. */
const ignored = -1;

export const spread: ContestScore = {
  name: 'PodTopologySpread',
  isLocal: false,
  score: (contest, out) => {
    const { axes, needsAllKeys } = axesOf(contest);
    if (axes.length === 0) return false;
    const columns = axes.map(({ topologyKey }) => contest.cluster.indexes.topology(topologyKey));
    const contends = needsAllKeys ? (slot: number) => columns.every((column) => column.domainOf(slot) >= 0) : undefined;
    const counted = axes.map((axis) => countAxis(axis, contest, contends));
    let lowest = Number.POSITIVE_INFINITY;
    let highest = 0;
    for (let i = 0; i < out.length; i++) {
      const { slot } = contest.feasible[i] as NodeInfo;
      const score = !contends || contends(slot) ? rawScore(counted, slot) : ignored;
      out[i] = score;
      if (score === ignored) continue;
      if (score < lowest) lowest = score;
      if (score > highest) highest = score;
    }
    for (let i = 0; i < out.length; i++) {
      const score = out[i] ?? 0;
      if (score === ignored) out[i] = 0;
      else out[i] = highest === 0 ? scoreMax : Math.floor((scoreMax * (highest + lowest - score)) / highest);
    }
    return true;
  },
};
