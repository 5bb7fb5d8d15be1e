import type { Node } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import type { ControllerDefinition } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { ttlAnnotation, ttlSeconds } from './plan.ts';
import { planNodeTtl } from './plan.ts';

/** Tells the agents, by an annotation of their nodes, for how long they may trust what they have read. */
export function nodeTtlController(): ControllerDefinition {
  const cluster = new ClusterTtl();
  return definitionFrom({
    name: 'ttl',
    component: 'ttl-controller',
    account: 'ttl-controller',
    primary: kinds.nodes,
    wakes: ({ after }, caches) =>
      (after as Node | undefined)?.metadata.annotations?.[ttlAnnotation] !== String(cluster.seconds(caches)),
    triggers: [
      {
        on: kinds.nodes,
        changes: ({ before, after }, caches) => (before && after ? [] : cluster.nodesAfterGrowth(caches)),
      },
    ],
    observe: (key, caches) => {
      const node = caches.get(kinds.nodes, key);
      return node && { node, seconds: cluster.seconds(caches) };
    },
    plan: planNodeTtl,
  });
}

/** What is right for all nodes now. What was right before is what the nodes say, for it must outlive us. */
class ClusterTtl {
  #seconds: number | undefined;
  #nodes = -1;

  seconds(caches: Caches): number {
    const { size } = caches.of(kinds.nodes);
    if (size !== this.#nodes) this.#seconds = ttlSeconds(size, this.#seconds ?? said(caches));
    this.#nodes = size;
    return this.#seconds ?? 0;
  }

  /** All nodes when it has changed with the number of nodes. */
  nodesAfterGrowth(caches: Caches): string[] {
    const before = this.#seconds;
    return this.seconds(caches) === before ? [] : caches.list(kinds.nodes).map(keyOf);
  }
}

/** The highest of what stands there: while they are changed, new nodes have the new value or none. */
function said(caches: Caches): number | undefined {
  const values = caches
    .list(kinds.nodes)
    .map(({ metadata }) => Number(metadata.annotations?.[ttlAnnotation] ?? Number.NaN));
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length === 0 ? undefined : known.reduce((a, b) => Math.max(a, b));
}
