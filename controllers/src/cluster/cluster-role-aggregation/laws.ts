import type { ClusterRole } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';

const roles = kinds.clusterRoles;

export const clusterRoleAggregationLaws: ControllerLaws = {
  controller: 'clusterrole-aggregation',
  start(server) {
    const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { 'to-view': 'true' } }] };
    server.put(roles, { ...aRole('view', {}, []), aggregationRule });
    put(server, 'pods', 'true');
  },
  moves: {
    'a role comes that is selected': (server, dice) => put(server, `r${dice % 5}`, 'true', dice),
    'a role is not selected any more': (server, dice) => put(server, `r${dice % 5}`, 'false', dice),
    'a role goes': (server, dice) => server.remove(roles, `r${dice % 5}`),
    'somebody writes into the collected rules': (server) => {
      const view = server.get(roles, 'view');
      if (view) server.put(roles, { ...view, rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }] });
    },
  },
  mayWrite: ({ kindId, verb, before }) =>
    kindId === 'clusterroles.rbac.authorization.k8s.io' &&
    verb === 'patch' &&
    (before as ClusterRole).aggregationRule !== undefined,
  atRest: (server) => {
    const collected = server.get(roles, 'view')?.rules?.flatMap(({ resources }) => resources ?? []) ?? [];
    const selected = server.list(roles).filter(({ metadata }) => metadata.labels?.['to-view'] === 'true');
    const wanted = new Set(selected.flatMap(({ rules }) => rules?.flatMap(({ resources }) => resources ?? []) ?? []));
    const isSame = collected.length === wanted.size && collected.every((resource) => wanted.has(resource));
    return isSame
      ? undefined
      : `${keyOf(selected[0] as ClusterRole)}: collected are ${collected}, selected ${[...wanted]}`;
  },
};

function put(server: MemoryServer, name: string, label: string, dice = 0): void {
  const rules = [{ apiGroups: [''], resources: [`${name}-${dice % 3}`], verbs: ['get'] }];
  server.put(roles, aRole(name, { 'to-view': label }, rules));
}

function aRole(name: string, labels: Record<string, string>, rules: ClusterRole['rules']): ClusterRole {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name, labels },
    ...(rules ? { rules } : {}),
  };
}
