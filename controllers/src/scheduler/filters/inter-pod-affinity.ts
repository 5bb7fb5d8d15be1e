import type { Filter } from '../filter.ts';
import type { NodeInfo } from '../node-info.ts';
import type { AffinityTerm, PodInfo } from '../pod-info.ts';

/** The topology domains in which a pod that matches the term runs. */
function domainsWith(term: AffinityTerm, nodes: readonly NodeInfo[]): Set<string> {
  const domains = new Set<string>();
  for (const info of nodes) {
    const domain = info.labels[term.topologyKey];
    if (domain === undefined || domains.has(domain)) continue;
    for (const other of info.pods.values()) {
      if (isWanted(term, other)) {
        domains.add(domain);
        break;
      }
    }
  }
  return domains;
}

export function isWanted(term: AffinityTerm, pod: PodInfo): boolean {
  return term.namespaces.has(pod.namespace) && term.matches(pod.labels);
}

/** Domains that running pods keep free of this pod by their own anti-affinity. */
function forbiddenByOthers(pod: PodInfo, nodes: readonly NodeInfo[]): Map<string, Set<string>> {
  const forbidden = new Map<string, Set<string>>();
  for (const info of nodes) {
    if (info.antiAffinityPods === 0) continue;
    for (const other of info.pods.values()) {
      for (const term of other.antiAffinity) {
        const domain = info.labels[term.topologyKey];
        if (domain === undefined || !isWanted(term, pod)) continue;
        const domains = forbidden.get(term.topologyKey) ?? new Set();
        forbidden.set(term.topologyKey, domains.add(domain));
      }
    }
  }
  return forbidden;
}

export const interPodAffinity: Filter = {
  name: 'InterPodAffinity',
  wokenBy: ['nodeAdded', 'nodeChanged', 'podRemoved', 'podPlaced'],
  prepare: (pod, nodes) => {
    const forbidden = forbiddenByOthers(pod, nodes);
    if (pod.affinity.length === 0 && pod.antiAffinity.length === 0 && forbidden.size === 0) return undefined;
    const wanted = pod.affinity.map((term) => ({ term, domains: domainsWith(term, nodes) }));
    const avoided = pod.antiAffinity.map((term) => ({ term, domains: domainsWith(term, nodes) }));
    // The first pod of a group that wants its own kind would wait for ever: it may start anywhere.
    const isFirst = wanted.every(({ term, domains }) => domains.size === 0 && isWanted(term, pod));
    return (info) => {
      const inDomain = (term: AffinityTerm, domains: ReadonlySet<string>) =>
        domains.has(info.labels[term.topologyKey] ?? '');
      if (
        !wanted.every(
          ({ term, domains }) => info.labels[term.topologyKey] !== undefined && (isFirst || inDomain(term, domains)),
        )
      ) {
        return [{ reason: "node(s) didn't match pod affinity rules", resolvable: false }];
      }
      if (avoided.some(({ term, domains }) => inDomain(term, domains))) {
        return [{ reason: "node(s) didn't match pod anti-affinity rules", resolvable: true }];
      }
      for (const [topologyKey, domains] of forbidden) {
        if (domains.has(info.labels[topologyKey] ?? '')) {
          return [{ reason: "node(s) didn't satisfy existing pods anti-affinity rules", resolvable: true }];
        }
      }
      return undefined;
    };
  },
};
