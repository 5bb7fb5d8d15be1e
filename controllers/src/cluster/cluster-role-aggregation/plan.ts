import { aggregatedRules } from '@slipway/api/rbac/aggregated-rules';
import type { ClusterRole } from '@slipway/api/types';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import { kinds } from '@slipway/client/kinds';
import type { Plan } from '../../runtime/step.ts';

export interface ObservedRole {
  readonly role: ClusterRole;
  readonly all: readonly ClusterRole[];
}

/** The rules of a role that aggregates are those of the roles that it selects, whatever others wrote there. */
export function planAggregation({ role, all }: ObservedRole): Plan {
  if (role.metadata.deletionTimestamp) return { steps: [], status: 'unchanged' };
  const rules = aggregatedRules(role, all);
  if (semanticEqual(rules, role.rules ?? [])) return { steps: [], status: 'unchanged' };
  return { steps: [{ op: 'patch', kind: kinds.clusterRoles, target: role, patch: { rules } }], status: 'unchanged' };
}
