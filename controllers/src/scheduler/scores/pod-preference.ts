/**
 * Near to pods that it likes, far from those that it does not; what running pods like and dislike counts as much, and those that
 * require its like count by the profile's weight.
 */
import type { NodeInfo } from '../cluster/node-info.ts';
import type { SlotCounts } from '../cluster/slot-counts.ts';
import type { TopologyColumn } from '../cluster/topology-column.ts';
import { type Contest, type ContestScore, scoreMax } from '../cycle/score.ts';

interface DomainWorths {
  readonly column: TopologyColumn;
  readonly worths: Float64Array;
}

function worthsOf({ pod, cluster, args }: Contest): DomainWorths[] {
  const { indexes, namespaceLabels, preferredAffinity, requiredAffinity } = cluster;
  const byKey = new Map<string, DomainWorths>();
  const domainsOf = (key: string) => {
    let found = byKey.get(key);
    if (!found) {
      const column = indexes.topology(key);
      found = { column, worths: new Float64Array(column.size) };
      byKey.set(key, found);
    }
    return found;
  };
  for (const { term, weight } of pod.demand.preferredAffinity) {
    const { column, worths } = domainsOf(term.topologyKey);
    const counts = indexes.countsOf(term);
    for (let slot = 0; slot < counts.length; slot++) {
      const count = counts[slot] ?? 0;
      if (count > 0) addWorth(worths, column.domainOf(slot), weight * count);
    }
  }
  const addHeld = (topologyKey: string, weight: number, counts: SlotCounts) => {
    const { column, worths } = domainsOf(topologyKey);
    for (const [slot, count] of counts) addWorth(worths, column.domainOf(slot), weight * count);
  };
  if (args.ignorePreferredTermsOfExistingPods && pod.demand.preferredAffinity.length === 0) return [];
  for (const { term, weight, counts } of preferredAffinity.matching(pod.group, namespaceLabels))
    addHeld(term.topologyKey, weight, counts);
  if (args.hardPodAffinityWeight > 0) {
    for (const { term, counts } of requiredAffinity.matching(pod.group, namespaceLabels))
      addHeld(term.topologyKey, args.hardPodAffinityWeight, counts);
  }
  return [...byKey.values()];
}

function addWorth(worths: Float64Array, domain: number, worth: number): void {
  if (domain >= 0) worths[domain] = (worths[domain] ?? 0) + worth;
}

export const podPreference: ContestScore = {
  name: 'InterPodAffinity',
  isLocal: false,
  score: (contest, out) => {
    const { pod, cluster, feasible } = contest;
    const hasTerms = cluster.preferredAffinity.size > 0 || cluster.requiredAffinity.size > 0;
    if (pod.demand.preferredAffinity.length === 0 && !hasTerms) return false;
    const domains = worthsOf(contest);
    if (domains.length === 0) return false;
    let lowest = Number.POSITIVE_INFINITY;
    let highest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < feasible.length; i++) {
      const { slot } = feasible[i] as NodeInfo;
      let sum = 0;
      for (const { column, worths } of domains) sum += worths[column.domainOf(slot)] ?? 0;
      out[i] = sum;
      if (sum < lowest) lowest = sum;
      if (sum > highest) highest = sum;
    }
    const range = highest - lowest;
    if (range === 0) return false;
    for (let i = 0; i < out.length; i++) out[i] = Math.floor((scoreMax * ((out[i] ?? 0) - lowest)) / range);
    return true;
  },
};
