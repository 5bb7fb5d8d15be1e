/**
 * Required affinity and anti-affinity between pods, both ways: what the pod wants of those that run, and what they want of it.
 * Source: core/v1 PodAffinityTerm.
 */
import type { ClusterView } from '../cluster/cluster-state.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { TopologyColumn } from '../cluster/topology-column.ts';
import { type Filter, type NodeCheck, type Rejection, rejection } from '../cycle/filter.ts';
import type { LabelGroup } from '../pods/label-group.ts';
import type { PendingPod, PodInfo } from '../pods/pod-info.ts';
import type { AffinityTerm, NamespaceLabels, PodSelection } from '../pods/pod-terms.ts';

const unmet = rejection("node(s) didn't match pod affinity rules", false);
const tooNear = rejection("node(s) didn't match pod anti-affinity rules", true);
const unwelcome = rejection("node(s) didn't satisfy existing pods anti-affinity rules", true);

/** Pods by domain of one topology key. */
class DomainCounts {
  readonly column: TopologyColumn;
  readonly #counts: Int32Array;
  total = 0;

  constructor(column: TopologyColumn) {
    this.column = column;
    this.#counts = new Int32Array(column.size);
  }

  add(slot: number, count: number): void {
    const domain = this.column.domainOf(slot);
    if (domain < 0) return;
    this.#counts[domain] = (this.#counts[domain] ?? 0) + count;
    this.total += count;
  }

  /** Undefined where the node is in no domain of the key. */
  at(slot: number): number | undefined {
    const domain = this.column.domainOf(slot);
    return domain < 0 ? undefined : this.#counts[domain];
  }
}

/** The pods of a selection by domain of a term's key. */
class Wanted {
  readonly counts: DomainCounts;
  readonly selection: PodSelection;

  constructor(topologyKey: string, selection: PodSelection, { indexes }: ClusterView) {
    this.selection = selection;
    this.counts = new DomainCounts(indexes.topology(topologyKey));
    const perNode = indexes.countsOf(selection);
    for (let slot = 0; slot < perNode.length; slot++) {
      const count = perNode[slot] ?? 0;
      if (count > 0) this.counts.add(slot, count);
    }
  }
}

/** Pods that match all the terms: only those count for required affinity. */
function allOf(terms: readonly AffinityTerm[]): PodSelection | undefined {
  const [first, ...rest] = terms;
  if (!first || rest.length === 0) return first;
  return {
    key: JSON.stringify(terms.map(({ key }) => key)),
    namespaces: first.namespaces,
    countsTerminating: true,
    matches: (group, labels) => terms.every((term) => term.matches(group, labels)),
  };
}

class AffinityCheck implements NodeCheck {
  readonly #pod: PendingPod;
  readonly #namespaceLabels: NamespaceLabels;
  readonly #near: readonly Wanted[];
  readonly #apart: readonly Wanted[];
  readonly #unwelcome = new Map<string, DomainCounts>();
  readonly #columnOf: (key: string) => TopologyColumn;
  readonly #matchesItself: boolean;

  constructor(pod: PendingPod, cluster: ClusterView) {
    const { affinity, antiAffinity } = pod.demand;
    this.#pod = pod;
    this.#namespaceLabels = cluster.namespaceLabels;
    this.#columnOf = (key) => cluster.indexes.topology(key);
    const all = allOf(affinity);
    this.#near = all ? affinity.map(({ topologyKey }) => new Wanted(topologyKey, all, cluster)) : [];
    this.#apart = antiAffinity.map((term) => new Wanted(term.topologyKey, term, cluster));
    this.#matchesItself = all?.matches(pod.group, cluster.namespaceLabels) ?? false;
    for (const { term, counts } of cluster.antiAffinity.matching(pod.group, cluster.namespaceLabels)) {
      const domains = this.#unwelcomeIn(term.topologyKey);
      for (const [slot, count] of counts) domains.add(slot, count);
    }
  }

  get saysNothing(): boolean {
    return this.#near.length === 0 && this.#apart.length === 0 && this.#unwelcome.size === 0;
  }

  reject({ slot }: NodeInfo): Rejection | undefined {
    if (this.#near.length > 0 && !this.#isNear(slot)) return unmet;
    for (const { counts } of this.#apart) if ((counts.at(slot) ?? 0) > 0) return tooNear;
    for (const counts of this.#unwelcome.values()) if ((counts.at(slot) ?? 0) > 0) return unwelcome;
    return undefined;
  }

  shift({ group, demand }: PodInfo, { slot }: NodeInfo, by: 1 | -1): void {
    for (const wanted of [this.#near, this.#apart]) {
      for (const { counts, selection } of wanted)
        if (selection.matches(group, this.#namespaceLabels)) counts.add(slot, by);
    }
    for (const term of demand.antiAffinity) {
      if (term.matches(this.#pod.group, this.#namespaceLabels)) this.#unwelcomeIn(term.topologyKey).add(slot, by);
    }
  }

  #isNear(slot: number): boolean {
    let isMet = true;
    let isNowhere = true;
    for (const { counts } of this.#near) {
      const count = counts.at(slot);
      if (count === undefined) return false;
      if (count <= 0) isMet = false;
      if (counts.total > 0) isNowhere = false;
    }
    // The first pod of a group that wants its own kind would wait for ever: it may start anywhere.
    return isMet || (isNowhere && this.#matchesItself);
  }

  #unwelcomeIn(key: string): DomainCounts {
    let counts = this.#unwelcome.get(key);
    if (!counts) {
      counts = new DomainCounts(this.#columnOf(key));
      this.#unwelcome.set(key, counts);
    }
    return counts;
  }
}

export const interPodAffinity: Filter = {
  name: 'InterPodAffinity',
  isLocal: false,
  prepare: (pod, cluster) => {
    const { affinity, antiAffinity } = pod.demand;
    const isGuarded = cluster.nominations.guarded > 0;
    if (affinity.length + antiAffinity.length === 0 && cluster.antiAffinity.size === 0 && !isGuarded) return undefined;
    const check = new AffinityCheck(pod, cluster);
    return check.saysNothing && !isGuarded ? undefined : check;
  },
  mayHelp: (pod, event, { namespaceLabels }) => {
    const { affinity, antiAffinity } = pod.demand;
    const matched = (terms: readonly AffinityTerm[], group: LabelGroup) =>
      terms.some((term) => term.matches(group, namespaceLabels));
    switch (event.kind) {
      case 'podPlaced':
        return matched(affinity, event.pod.group);
      case 'podRemoved':
        return matched(antiAffinity, event.pod.group) || matched(event.pod.demand.antiAffinity, pod.group);
      case 'nodeAdded':
        return affinity.every(({ topologyKey }) => event.node.labels[topologyKey] !== undefined);
      case 'nodeChanged':
        return event.changes.labels;
      case 'namespaceChanged':
      case 'nominationEnded':
        return true;
      default:
        return false;
    }
  },
};
