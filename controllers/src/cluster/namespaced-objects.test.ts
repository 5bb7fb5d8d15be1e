import type { ConfigMap, Namespace } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { expectSettles } from '../testing/plan-laws.ts';
import { PlanWorld } from '../testing/plan-world.ts';
import { observeRootCa } from './root-ca/observe.ts';
import { planRootCa } from './root-ca/plan.ts';
import { observeAccounts } from './service-account/observe.ts';
import { planAccounts } from './service-account/plan.ts';

function aWorld(metadata: Namespace['metadata'] = {}) {
  const world = new PlanWorld();
  world.put(kinds.namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop', ...metadata },
    spec: {},
  });
  return world;
}

const accounts = { observe: observeAccounts, plan: planAccounts };
const rootCa = {
  observe: observeRootCa,
  plan: (observed: Parameters<typeof planRootCa>[0]) => planRootCa(observed, 'PEM'),
};
const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z' };

describe('planAccounts', () => {
  it('gives a namespace its default account, and gives it back', () => {
    const world = aWorld();
    expectSettles(world, accounts, kinds.namespaces, 'shop');
    expect(world.get(kinds.serviceAccounts, 'shop/default')).toBeDefined();
    world.remove(kinds.serviceAccounts, 'shop/default');
    expectSettles(world, accounts, kinds.namespaces, 'shop');
    expect(world.get(kinds.serviceAccounts, 'shop/default')).toBeDefined();
  });

  it('makes nothing where the namespace is leaving', () => {
    const world = aWorld(leaving);
    expectSettles(world, accounts, kinds.namespaces, 'shop');
    expect(world.list(kinds.serviceAccounts)).toEqual([]);
  });
});

describe('planRootCa', () => {
  it('publishes the certificate and undoes what others made of it', () => {
    const world = aWorld();
    expectSettles(world, rootCa, kinds.namespaces, 'shop');
    const made = world.get(kinds.configMaps, 'shop/kube-root-ca.crt') as ConfigMap;
    expect(made.data).toEqual({ 'ca.crt': 'PEM' });
    world.put(kinds.configMaps, { ...made, data: { 'ca.crt': 'forged', more: 'x' } });
    expectSettles(world, rootCa, kinds.namespaces, 'shop');
    expect(world.get(kinds.configMaps, 'shop/kube-root-ca.crt')?.data).toEqual({ 'ca.crt': 'PEM' });
  });
});
