import { isWanted } from '../filters/inter-pod-affinity.ts';
import type { Score } from '../score.ts';

/** Preferred affinity adds, preferred anti-affinity subtracts (negative weights), per pod in the node's domain. */
export const podPreference: Score = {
  name: 'InterPodAffinity',
  weight: 2,
  scale: 'highest',
  score: (pod, nodes, all) => {
    if (pod.preferredAffinity.length === 0) return undefined;
    const perTerm = pod.preferredAffinity.map((term) => {
      const counts = new Map<string, number>();
      for (const info of all) {
        const domain = info.labels[term.topologyKey];
        if (domain === undefined) continue;
        for (const other of info.pods.values())
          if (isWanted(term, other)) counts.set(domain, (counts.get(domain) ?? 0) + 1);
      }
      return { term, counts };
    });
    const raw = nodes.map((info) =>
      perTerm.reduce(
        (sum, { term, counts }) => sum + (term.weight ?? 0) * (counts.get(info.labels[term.topologyKey] ?? '') ?? 0),
        0,
      ),
    );
    const lowest = Math.min(...raw);
    return raw.map((value) => value - lowest);
  },
};
