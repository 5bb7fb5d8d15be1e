import type { Node } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { Plan } from '../../runtime/step.ts';

export const ttlAnnotation = 'node.alpha.kubernetes.io/ttl';

/**
 * For how long an agent may use Secrets and ConfigMaps that it has read, by the size of the cluster. The ranges overlap, so that a cluster
 * at the edge of one does not change its mind with every node.
 */
const ranges = [
  { fewest: 0, most: 100, seconds: 0 },
  { fewest: 90, most: 500, seconds: 15 },
  { fewest: 450, most: 1000, seconds: 30 },
  { fewest: 900, most: 2000, seconds: 60 },
  { fewest: 1800, most: Number.POSITIVE_INFINITY, seconds: 300 },
] as const;

/** The seconds for a cluster of so many nodes, where so many were right before. */
export function ttlSeconds(nodes: number, before: number | undefined): number {
  const fitting = ranges.filter(({ fewest, most }) => fewest <= nodes && nodes <= most);
  const kept = fitting.find(({ seconds }) => seconds === before);
  return (kept ?? fitting[0])?.seconds ?? 0;
}

export interface ObservedTtl {
  readonly node: Node;
  readonly seconds: number;
}

export function planNodeTtl({ node, seconds }: ObservedTtl): Plan {
  if (node.metadata.annotations?.[ttlAnnotation] === String(seconds)) return { steps: [], status: 'unchanged' };
  const patch = { metadata: { annotations: { [ttlAnnotation]: String(seconds) } } };
  return { steps: [{ op: 'patch', kind: kinds.nodes, target: node, patch, evenIfChanged: true }], status: 'unchanged' };
}
