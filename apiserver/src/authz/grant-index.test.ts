import type { KubeObject, Subject } from '@slipway/api/types';
import { GrantIndex, grantText } from './grant-index.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const role = (name: string, namespace: string | undefined, resource: string) =>
  ({
    kind: namespace ? 'Role' : 'ClusterRole',
    apiVersion: `${apiGroup}/v1`,
    metadata: { name, ...(namespace ? { namespace } : {}) },
    rules: [{ apiGroups: [''], resources: [resource], verbs: ['get'] }],
  }) as KubeObject;
const binding = (namespace: string | undefined, roleName: string, kind: string, subjects: readonly Subject[]) =>
  ({
    kind: namespace ? 'RoleBinding' : 'ClusterRoleBinding',
    apiVersion: `${apiGroup}/v1`,
    metadata: { name: 'b', ...(namespace ? { namespace } : {}) },
    roleRef: { apiGroup, kind, name: roleName },
    subjects,
  }) as KubeObject;
const jane: Subject = { kind: 'User', apiGroup, name: 'jane' };
const devs: Subject = { kind: 'Group', apiGroup, name: 'devs' };
const user = (name: string, ...groups: string[]) => ({ name, groups });

function resourcesOf(index: GrantIndex, name: string, namespace?: string, ...groups: string[]): string[] {
  return Array.from(index.grantsOf(user(name, ...groups), namespace)).flatMap(({ role: { rules } }) =>
    rules.all.flatMap(({ resources }) => resources ?? []),
  );
}

describe('GrantIndex', () => {
  it('does not mind which came first', () => {
    const index = new GrantIndex();
    index.putBinding('1', binding('shop', 'r', 'Role', [jane]));
    expect(resourcesOf(index, 'jane', 'shop')).toEqual([]);
    index.putRole(role('r', 'shop', 'pods'));
    expect(resourcesOf(index, 'jane', 'shop')).toEqual(['pods']);
    index.putRole(role('r', 'shop', 'secrets'));
    expect(resourcesOf(index, 'jane', 'shop')).toEqual(['secrets']);
    index.removeRole(role('r', 'shop', 'secrets'));
    expect(resourcesOf(index, 'jane', 'shop')).toEqual([]);
  });

  it('keeps namespaces, users and groups apart', () => {
    const index = new GrantIndex();
    index.putRole(role('r', undefined, 'pods'));
    index.putRole(role('r', 'shop', 'secrets'));
    index.putBinding('1', binding('shop', 'r', 'ClusterRole', [devs]));
    index.putBinding('2', binding('shop', 'r', 'Role', [{ kind: 'ServiceAccount', name: 'jane' }]));
    expect(resourcesOf(index, 'jane', 'shop')).toEqual([]);
    expect(resourcesOf(index, 'jane', 'shop', 'devs')).toEqual(['pods']);
    expect(resourcesOf(index, 'jane', 'other', 'devs')).toEqual([]);
    expect(resourcesOf(index, 'system:serviceaccount:shop:jane', 'shop')).toEqual(['secrets']);
    index.putBinding('3', binding(undefined, 'r', 'ClusterRole', [jane]));
    expect(resourcesOf(index, 'jane', 'other')).toEqual(['pods']);
    expect(resourcesOf(index, 'jane')).toEqual(['pods']);
  });

  it('forgets what a binding gave when it changes or goes', () => {
    const index = new GrantIndex();
    index.putRole(role('r', undefined, 'pods'));
    index.putBinding('1', binding('shop', 'r', 'ClusterRole', [jane, jane, devs]));
    expect(resourcesOf(index, 'jane', 'shop')).toEqual(['pods']);
    index.putBinding('1', binding('shop', 'r', 'ClusterRole', [devs]));
    expect(resourcesOf(index, 'jane', 'shop')).toEqual([]);
    expect(resourcesOf(index, 'x', 'shop', 'devs')).toEqual(['pods']);
    index.removeBinding('1');
    expect(resourcesOf(index, 'x', 'shop', 'devs')).toEqual([]);
  });

  it('says why', () => {
    const index = new GrantIndex();
    index.putRole(role('r', 'shop', 'secrets'));
    index.putBinding('1', binding('shop', 'r', 'Role', [{ kind: 'ServiceAccount', name: 'jane' }]));
    expect(Array.from(index.grantsOf(user('system:serviceaccount:shop:jane'), 'shop'), grantText)).toEqual([
      'RBAC: allowed by RoleBinding "b/shop" of Role "r" to ServiceAccount "jane/shop"',
    ]);
  });
});
