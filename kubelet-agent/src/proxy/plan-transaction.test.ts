import fc from 'fast-check';
import { baseTable } from './base-chains.ts';
import { aService, aSlice } from './builders.ts';
import { planRuleset } from './plan-ruleset.ts';
import { nothingObserved, observedFrom, planTransaction } from './plan-transaction.ts';
import { serviceRules } from './service-rules.ts';

const base = baseTable({ serviceCidr: '10.96.0.0/16' });
const node = { nodeName: 'node-a', clusterCidr: '10.64.0.0/16' };

interface ServiceState {
  readonly endpoints: readonly number[];
  readonly affinity: boolean;
  readonly nodePort: boolean;
}

/** Services by number, so that a state of the cluster is a small value. */
const rulesetOf = (state: ReadonlyMap<number, ServiceState>) =>
  planRuleset(
    [...state].map(([i, { endpoints, affinity, nodePort }]) =>
      serviceRules(
        aService({
          name: `s${i}`,
          clusterIp: `10.96.0.${i + 10}`,
          ...(nodePort ? { nodePort: 30_000 + i } : {}),
          spec: affinity ? { sessionAffinity: 'ClientIP' } : {},
        }),
        [aSlice({ service: `s${i}`, addresses: endpoints.map((e) => `10.64.0.${e + 2}`), nodeName: 'node-a' })],
        node,
      ),
    ),
  );

const clusterState = fc
  .uniqueArray(
    fc.record({
      i: fc.nat(5),
      endpoints: fc.uniqueArray(fc.nat(5), { maxLength: 3 }),
      affinity: fc.boolean(),
      nodePort: fc.boolean(),
    }),
    { selector: ({ i }) => i, maxLength: 6 },
  )
  .map((services) => new Map(services.map(({ i, ...rest }) => [i, rest])));

describe('planTransaction', () => {
  it('plans nothing when all is there', () => {
    fc.assert(
      fc.property(clusterState, (state) => {
        const ruleset = rulesetOf(state);
        expect(planTransaction('t', base, observedFrom(base, ruleset), ruleset)).toBeUndefined();
      }),
    );
  });

  it('adds chains before and removes them after what leads to them', () => {
    fc.assert(
      fc.property(clusterState, clusterState, (before, after) => {
        const script = planTransaction('t', base, observedFrom(base, rulesetOf(before)), rulesetOf(after)) ?? '';
        const kernel = new KernelModel(observedFrom(base, rulesetOf(before)).chains.keys());
        kernel.run(script);
        expect(new Set(kernel.chains)).toEqual(new Set([...rulesetOf(after).chains.keys()]));
      }),
    );
  });

  it('costs what changed', () => {
    const many = new Map(
      Array.from({ length: 6 }, (_, i) => [i, { endpoints: [0, 1], affinity: false, nodePort: true }]),
    );
    const changed = new Map(many).set(3, { endpoints: [0, 1, 2], affinity: false, nodePort: true });
    const script = planTransaction('t', base, observedFrom(base, rulesetOf(many)), rulesetOf(changed)) ?? '';
    expect(script).toContain('10.96.0.13');
    expect(script).not.toContain('10.96.0.12');
    expect(script.split('\n').length).toBeLessThan(25);
  });

  it('replaces a table with another base as a whole', () => {
    const ruleset = rulesetOf(new Map([[1, { endpoints: [1], affinity: false, nodePort: false }]]));
    const script =
      planTransaction('t', base, { ...observedFrom(base, ruleset), baseVersion: 'base-old' }, ruleset) ?? '';
    expect(script).toContain('delete table inet t');
    expect(script).toBe(planTransaction('t', base, nothingObserved, ruleset));
  });
});

/** As strict as the kernel about the order: nothing may lead to a chain that is not there, or is to be deleted. */
class KernelModel {
  readonly chains: Set<string>;

  constructor(chains: Iterable<string>) {
    this.chains = new Set(chains);
  }

  run(script: string): void {
    const known = new Set(['mark-masquerade', 'refuse', 'ignore']);
    for (const line of script.split('\n')) {
      const [, verb, name = ''] = /^(add chain|delete chain) inet t (\S+)/.exec(line) ?? [];
      if (verb === 'add chain') this.chains.add(name);
      if (verb === 'delete chain') expect(this.chains.delete(name)).toBe(true);
      if (!/^add (rule|element)/.test(line)) continue;
      for (const [, target = ''] of line.matchAll(/goto (\S+?)[,\s}]|$/g)) {
        if (target) expect(this.chains.has(target) || known.has(target)).toBe(true);
      }
    }
  }
}
