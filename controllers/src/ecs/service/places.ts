/** Where the tasks of a service are and may be. Pure. */
import type { Service, Task } from '@slipway/api/ecs/kinds';
import { parseQuery, type Query } from '@slipway/api/ecs/cluster-query';
import { compileNodeSelector } from '@slipway/api/node-selector';
import type { Node } from '@slipway/api/types';

const zoneLabel = 'topology.kubernetes.io/zone';

/** The node of a task, where it has one; of a DAEMON's the one that it is meant for. */
export function nodeOfTask({ spec, status }: Task): string | undefined {
  return spec.containerInstance ?? status?.containerInstance;
}

export function zoneOf({ metadata }: Node): string | undefined {
  return metadata.labels?.[zoneLabel];
}

export function isReady({ status }: Node): boolean {
  return status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false;
}

/** ECS calls it DRAINING: nothing new comes, and the tasks of services leave as their percents allow. */
export function isDraining({ spec }: Node): boolean {
  return spec?.unschedulable === true;
}

/** Nodes that the service's constraints allow and that take tasks, ready or not. */
export function nodesFor({ spec }: Service, nodes: readonly Node[]): readonly Node[] {
  const queries = (spec.placementConstraints ?? []).flatMap(({ type, expression }) =>
    type === 'memberOf' && expression ? [compileNodeSelector(queryOf(expression))] : [],
  );
  const allow = ({ metadata: { name = '', labels = {} } }: Node) =>
    queries.every((matches) => matches({ name, labels }));
  return nodes.filter((node) => !isDraining(node) && allow(node));
}

/** An expression that is none fits nothing; the tasks of such a service say why. */
function queryOf(expression: string): Query {
  try {
    return parseQuery(expression);
  } catch {
    return [];
  }
}
