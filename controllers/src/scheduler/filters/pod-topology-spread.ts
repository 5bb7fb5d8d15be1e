/**
 * Hard spread constraints: in no domain may there be more than `maxSkew` pods above the domain with the fewest.
 * Source: core/v1 TopologySpreadConstraint.
 */
import type { ClusterView } from '../cluster/cluster-state.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { TopologyColumn } from '../cluster/topology-column.ts';
import { type Filter, type NodeCheck, type Rejection, rejection } from '../cycle/filter.ts';
import type { PendingPod, PodInfo } from '../pods/pod-info.ts';
import type { NamespaceLabels, SpreadConstraint } from '../pods/pod-terms.ts';
import { hasUntolerated } from './tolerations.ts';

const skewed = rejection("node(s) didn't match pod topology spread constraints", true);
const unlabelled = rejection("node(s) didn't match pod topology spread constraints (missing required label)", false);

/** Whether the node's pods count for the constraint's skew. */
export function inclusionOf(
  { honorsAffinity, honorsTaints }: SpreadConstraint,
  { demand }: PendingPod,
  { indexes }: ClusterView,
): ((node: NodeInfo) => boolean) | undefined {
  const isWanted = honorsAffinity && demand.nodes ? indexes.selector(demand.nodes) : undefined;
  if (!honorsTaints) return isWanted;
  return (node) => (isWanted?.(node) ?? true) && !hasUntolerated(node.taints, demand.tolerations);
}

/** No node of the domain counts. */
const absent = -1;

/** One constraint with its counts by domain. */
class SpreadCounts {
  readonly constraint: SpreadConstraint;
  readonly column: TopologyColumn;
  readonly #counts: Int32Array;
  readonly #includes: ((node: NodeInfo) => boolean) | undefined;
  #lowest: number | undefined;

  constructor(constraint: SpreadConstraint, pod: PendingPod, cluster: ClusterView, columns: readonly TopologyColumn[]) {
    this.constraint = constraint;
    this.column = cluster.indexes.topology(constraint.topologyKey);
    this.#includes = inclusionOf(constraint, pod, cluster);
    const { domains } = this.column;
    const counts = new Int32Array(this.column.size).fill(absent);
    const perNode = cluster.indexes.countsOf(constraint.selection);
    const others = columns.filter((column) => column !== this.column);
    for (let slot = 0; slot < domains.length; slot++) {
      const domain = domains[slot] ?? absent;
      if (domain < 0) continue;
      if (others.length > 0 && others.some((column) => column.domainOf(slot) < 0)) continue;
      const node = this.#includes && cluster.nodeAt(slot);
      if (node && !this.#includes?.(node)) continue;
      const before = counts[domain] ?? absent;
      counts[domain] = (before === absent ? 0 : before) + (perNode[slot] ?? 0);
    }
    this.#counts = counts;
  }

  isSkewedBy(domain: number): boolean {
    const { maxSkew, countsSelf } = this.constraint;
    const count = Math.max(this.#counts[domain] ?? absent, 0);
    return count + (countsSelf ? 1 : 0) - this.lowest > maxSkew;
  }

  get lowest(): number {
    this.#lowest ??= this.#findLowest();
    return this.#lowest;
  }

  #findLowest(): number {
    let lowest = Number.MAX_SAFE_INTEGER;
    let present = 0;
    for (const count of this.#counts) {
      if (count === absent) continue;
      present++;
      if (count < lowest) lowest = count;
    }
    return present < this.constraint.minDomains ? 0 : lowest;
  }

  shift({ group }: PodInfo, node: NodeInfo, by: 1 | -1, namespaceLabels: NamespaceLabels): void {
    const domain = this.column.domainOf(node.slot);
    if (group.isTerminating || (this.#counts[domain] ?? absent) === absent) return;
    if (this.#includes && !this.#includes(node)) return;
    if (!this.constraint.selection.matches(group, namespaceLabels)) return;
    this.#counts[domain] = (this.#counts[domain] ?? 0) + by;
    this.#lowest = undefined;
  }
}

class SpreadCheck implements NodeCheck {
  readonly #constraints: readonly SpreadCounts[];
  readonly #namespaceLabels: NamespaceLabels;

  constructor(hard: readonly SpreadConstraint[], pod: PendingPod, cluster: ClusterView) {
    const columns = hard.map(({ topologyKey }) => cluster.indexes.topology(topologyKey));
    this.#constraints = hard.map((constraint) => new SpreadCounts(constraint, pod, cluster, columns));
    this.#namespaceLabels = cluster.namespaceLabels;
  }

  reject({ slot }: NodeInfo): Rejection | undefined {
    for (const counts of this.#constraints) {
      const domain = counts.column.domainOf(slot);
      if (domain < 0) return unlabelled;
      if (counts.isSkewedBy(domain)) return skewed;
    }
    return undefined;
  }

  shift(other: PodInfo, node: NodeInfo, by: 1 | -1): void {
    for (const counts of this.#constraints) counts.shift(other, node, by, this.#namespaceLabels);
  }
}

export const podTopologySpread: Filter = {
  name: 'PodTopologySpread',
  isLocal: false,
  prepare: (pod, cluster, { defaultConstraintsOf }) => {
    const all = pod.demand.spread.length > 0 ? pod.demand.spread : defaultConstraintsOf(pod, cluster);
    const hard = all.filter(({ isHard }) => isHard);
    return hard.length === 0 ? undefined : new SpreadCheck(hard, pod, cluster);
  },
  mayHelp: (pod, event, cluster, { defaultConstraintsOf }) => {
    const constraints = pod.demand.spread.length > 0 ? pod.demand.spread : defaultConstraintsOf(pod, cluster);
    switch (event.kind) {
      case 'podPlaced':
      case 'podRemoved':
        return constraints.some(({ selection }) => selection.matches(event.pod.group, cluster.namespaceLabels));
      // A domain came, went or counts now otherwise.
      case 'nodeAdded':
      case 'nodeRemoved':
        return (
          constraints.every(({ topologyKey }) => event.node.labels[topologyKey] !== undefined) ||
          event.kind === 'nodeRemoved'
        );
      case 'nodeChanged':
        return event.changes.labels || event.changes.taints;
      default:
        return false;
    }
  },
};
