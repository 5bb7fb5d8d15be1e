import type { ClusterRole } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { expectSettles } from '../../testing/plan-laws.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { observeRole } from './observe.ts';
import { planAggregation } from './plan.ts';

const controller = { observe: observeRole, plan: planAggregation };
const rule = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });

function put(world: PlanWorld, name: string, more: Partial<ClusterRole> & { labels?: Record<string, string> }): void {
  const { labels = {}, ...rest } = more;
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name, labels }, ...rest };
  world.put(kinds.clusterRoles, role);
}

describe('planAggregation', () => {
  it('collects the rules of what it selects, each once, by name', () => {
    const world = new PlanWorld();
    const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { to: 'view' } }] };
    put(world, 'view', { aggregationRule, rules: [rule('secrets')] });
    put(world, 'b', { labels: { to: 'view' }, rules: [rule('pods'), rule('services')] });
    put(world, 'a', { labels: { to: 'view' }, rules: [rule('pods')] });
    put(world, 'other', { rules: [rule('nodes')] });
    expectSettles(world, controller, kinds.clusterRoles, 'view');
    expect(world.get(kinds.clusterRoles, 'view')?.rules).toEqual([rule('pods'), rule('services')]);
  });

  it('leaves plain roles alone', () => {
    const world = new PlanWorld();
    put(world, 'plain', { rules: [rule('pods')] });
    expect(observeRole('plain', world)).toBeUndefined();
  });
});
