import type { Node, NodeSelectorTerm } from '@slipway/api/types';
import type { Query } from '@slipway/api/ecs/cluster-query';

/** Whether one of the alternatives holds for the node. */
export function matchesAny({ metadata }: Node, query: Query): boolean {
  const labels = metadata.labels ?? {};
  const fields = { 'metadata.name': metadata.name ?? '' };
  return query.some(
    ({ matchExpressions = [], matchFields = [] }) =>
      matchExpressions.every((each) => holds(each, labels)) && matchFields.every((each) => holds(each, fields)),
  );
}

type Requirement = NonNullable<NodeSelectorTerm['matchExpressions']>[number];

function holds({ key, operator, values = [] }: Requirement, labels: Readonly<Record<string, string>>): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return Number(value) > Number(values[0]);
    case 'Lt':
      return Number(value) < Number(values[0]);
    default:
      return false;
  }
}
