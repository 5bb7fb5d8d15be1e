import type { ClusterRole, ClusterRoleBinding } from '@slipway/api/types';
import { bootstrapBindings, bootstrapRoles } from './policy/bootstrap-policy.ts';
import { completedObject } from './reconcile-roles.ts';

const roleNamed = (name: string) => bootstrapRoles().find(({ metadata }) => metadata.name === name) as ClusterRole;

describe('bootstrapRoles', () => {
  it('lets admin do what edit may, and edit what view may', () => {
    const [view, edit, admin] = ['view', 'edit', 'admin'].map((name) => roleNamed(name).rules ?? []);
    expect(view?.length).toBeGreaterThan(0);
    expect(edit).toEqual(expect.arrayContaining(view ?? []));
    expect(admin).toEqual(expect.arrayContaining(edit ?? []));
    expect(view).not.toContainEqual(expect.objectContaining({ resources: expect.arrayContaining(['secrets']) }));
  });

  it('has a role for every binding', () => {
    const roles = bootstrapRoles().map(({ kind, metadata }) => `${kind}/${metadata.namespace ?? ''}/${metadata.name}`);
    for (const { roleRef, metadata } of bootstrapBindings()) {
      expect(roles).toContain(`${roleRef.kind}/${metadata.namespace ?? ''}/${roleRef.name}`);
    }
  });
});

describe('completedObject', () => {
  const wanted = roleNamed('system:node-proxier');

  it('leaves alone what lacks nothing', () => {
    expect(completedObject(wanted, wanted)).toBeUndefined();
    const richer = { ...wanted, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] };
    expect(completedObject(richer, wanted)).toBeUndefined();
  });

  it('adds missing rules, labels and subjects, and keeps those of others', () => {
    const own = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };
    const stored = { ...wanted, metadata: { name: 'x', labels: { mine: 'yes' } }, rules: [own] };
    const completed = completedObject(stored, wanted) as ClusterRole;
    expect(completed.rules).toEqual([own, ...(wanted.rules ?? [])]);
    expect(completed.metadata.labels).toEqual({ mine: 'yes', 'kubernetes.io/bootstrapping': 'rbac-defaults' });

    const binding = bootstrapBindings().find(({ metadata }) => metadata.name === 'cluster-admin') as ClusterRoleBinding;
    const subject = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'root' };
    const other = { ...binding, subjects: [subject] };
    expect((completedObject(other, binding) as ClusterRoleBinding).subjects).toEqual([
      subject,
      ...(binding.subjects ?? []),
    ]);
  });

  it('gives an old role its selectors and leaves its rules to the controller', () => {
    const { aggregationRule, ...view } = roleNamed('view');
    const stored: ClusterRole = { ...view, rules: [] };
    const completed = completedObject(stored, roleNamed('view')) as ClusterRole;
    expect(completed).toMatchObject({ rules: [], aggregationRule });
  });
});
