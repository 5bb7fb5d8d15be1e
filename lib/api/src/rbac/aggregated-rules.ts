import { matcherOf, type LabelMatcher } from '../selector.ts';
import type { ClusterRole, PolicyRule } from '../types.ts';

/** The rules of all roles that the aggregation rule selects, each once, in the order of the roles' names. */
export function aggregatedRules(
  { metadata, aggregationRule }: ClusterRole,
  roles: readonly ClusterRole[],
): readonly PolicyRule[] {
  const collected = new Map<string, PolicyRule>();
  for (const selector of aggregationRule?.clusterRoleSelectors ?? []) {
    const matcher = matcherOf(selector);
    for (const role of selectedRoles(matcher, roles)) {
      if (role.metadata.name === metadata.name) continue;
      for (const rule of role.rules ?? []) {
        const key = meaningOf(rule);
        if (!collected.has(key)) collected.set(key, rule);
      }
    }
  }
  return [...collected.values()];
}

/** The same text for rules that mean the same: lists that are empty are as good as none. */
function meaningOf({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): string {
  return JSON.stringify([verbs ?? [], apiGroups ?? [], resources ?? [], resourceNames ?? [], nonResourceURLs ?? []]);
}

function selectedRoles(matcher: LabelMatcher, roles: readonly ClusterRole[]): readonly ClusterRole[] {
  return roles
    .filter(({ metadata }) => matcher.matches(metadata.labels))
    .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
}
