/** Preferred spreading over domains. Source: core/v1 TopologySpreadConstraint with ScheduleAnyway. */
import type { NodeInfo } from '../cluster/node-info.ts';
import type { TopologyColumn } from '../cluster/topology-column.ts';
import { type Contest, type ContestScore, scoreMax } from '../cycle/score.ts';
import { inclusionOf } from '../filters/pod-topology-spread.ts';
import { hostKey, siblingsOf, systemConstraints } from './default-spread.ts';

/** One constraint, ready to be counted. */
interface Axis {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly countAt: (slot: number) => number;
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

function axesOf({ pod, cluster, args }: Contest): { axes: readonly Axis[]; needsAllKeys: boolean } {
  const own = pod.demand.spread.length > 0 ? pod.demand.spread : args.defaultConstraintsOf(pod, cluster);
  if (own.length > 0) {
    const axes = own.flatMap((constraint) => {
      if (constraint.isHard) return [];
      const counts = cluster.indexes.countsOf(constraint.selection);
      const includes = inclusionOf(constraint, pod, cluster);
      return [{ ...constraint, countAt: (slot: number) => counts[slot] ?? 0, includes }];
    });
    return { axes, needsAllKeys: true };
  }
  const siblings = args.spreadsByDefault ? siblingsOf(pod, cluster) : undefined;
  if (!siblings) return { axes: [], needsAllKeys: false };
  const wanted = pod.demand.nodes;
  const includes = wanted && cluster.indexes.selector(wanted);
  return {
    axes: systemConstraints.map((constraint) => ({ ...constraint, countAt: siblings, includes })),
    needsAllKeys: false,
  };
}

function countAxis(axis: Axis, { cluster, feasible }: Contest, isScored: (slot: number) => boolean): CountedAxis {
  const column = cluster.indexes.topology(axis.topologyKey);
  const scored = feasible.filter(({ slot }) => isScored(slot));
  if (axis.topologyKey === hostKey) return { axis, column, totals: undefined, weight: Math.log(scored.length + 2) };
  // Domains without a feasible node are of no interest. The last place is for nodes without the label.
  const totals = new Int32Array(column.size + 1).fill(-1);
  const placeOf = (slot: number) => {
    const domain = column.domainOf(slot);
    return domain < 0 ? column.size : domain;
  };
  let size = 0;
  for (const { slot } of scored) {
    if (totals[placeOf(slot)] !== -1) continue;
    totals[placeOf(slot)] = 0;
    size++;
  }
  const { includes, countAt } = axis;
  for (const node of cluster.nodes) {
    const place = placeOf(node.slot);
    const total = totals[place] ?? -1;
    if (total >= 0 && isScored(node.slot) && (!includes || includes(node))) totals[place] = total + countAt(node.slot);
  }
  return { axis, column, totals, weight: Math.log(size + 2) };
}

function rawScore(counted: readonly CountedAxis[], slot: number): number {
  let sum = 0;
  for (const { axis, column, totals, weight } of counted) {
    const domain = column.domainOf(slot);
    if (domain < 0) continue;
    const count = totals ? (totals[domain] ?? 0) : axis.countAt(slot);
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
    const isScored = needsAllKeys
      ? (slot: number) => columns.every((column) => column.domainOf(slot) >= 0)
      : () => true;
    const counted = axes.map((axis) => countAxis(axis, contest, isScored));
    let lowest = Number.POSITIVE_INFINITY;
    let highest = 0;
    for (let i = 0; i < out.length; i++) {
      const { slot } = contest.feasible[i] as NodeInfo;
      const score = isScored(slot) ? rawScore(counted, slot) : ignored;
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
