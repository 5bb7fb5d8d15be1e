import type { ClusterRole, PolicyRule } from '../types.ts';
import { aggregatedRules } from './aggregated-rules.ts';

const kind = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole' };
const role = (name: string, rules: PolicyRule[]): ClusterRole => ({
  ...kind,
  metadata: { name, labels: { part: 'x' } },
  rules,
});
const whole: ClusterRole = {
  ...kind,
  metadata: { name: 'whole' },
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: 'x' } }] },
};

describe('the rules of an aggregated role', () => {
  it('are those of its parts in the order of their names, each once', () => {
    const pods = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };
    const paths = { nonResourceURLs: ['/healthz'], verbs: ['get'] };
    const parts = [
      role('b', [paths, { ...pods, resourceNames: [] }]),
      role('a', [pods]),
      { ...role('c', [pods]), metadata: { name: 'c' } },
    ];
    expect(aggregatedRules(whole, parts)).toEqual([pods, paths]);
  });

  it('are gathered without comparing each with all others', () => {
    let reads = 0;
    const rules = Array.from({ length: 2000 }, (_, i) => ({
      apiGroups: [`g${i}`],
      resources: ['r'],
      get verbs() {
        reads++;
        return ['get'];
      },
    }));
    expect(aggregatedRules(whole, [role('a', rules), role('b', rules)])).toHaveLength(2000);
    expect(reads).toBeLessThan(3 * 2 * rules.length);
  });
});
