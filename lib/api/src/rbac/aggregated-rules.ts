import { matcherOf, type LabelMatcher } from '../selector.ts';
import type { ClusterRole, PolicyRule } from '../types.ts';
import { semanticEqual } from '../validation/semantic-equal.ts';

/** The rules of all roles that the aggregation rule selects, each once, in the order of the roles' names. */
export function aggregatedRules(
  { metadata, aggregationRule }: ClusterRole,
  roles: readonly ClusterRole[],
): readonly PolicyRule[] {
  const collected: PolicyRule[] = [];
  for (const selector of aggregationRule?.clusterRoleSelectors ?? []) {
    const matcher = matcherOf(selector);
    for (const role of selectedRoles(matcher, roles)) {
      if (role.metadata.name === metadata.name) continue;
      for (const rule of role.rules ?? []) {
        if (!collected.some((known) => semanticEqual(known, rule))) collected.push(rule);
      }
    }
  }
  return collected;
}

function selectedRoles(matcher: LabelMatcher, roles: readonly ClusterRole[]): readonly ClusterRole[] {
  return roles
    .filter(({ metadata }) => matcher.matches(metadata.labels))
    .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
}
