import fc from 'fast-check';
import { baseTable } from './base-chains.ts';
import { aService, aSlice } from './builders.ts';
import { nothingObserved, type ObservedTable, planTransaction } from './plan-transaction.ts';
import type { Ruleset } from './ruleset.ts';
import { serviceRules } from './service-rules.ts';
import { ServiceTable } from './service-table.ts';

const base = baseTable({ serviceCidr: '10.96.0.0/16' });
const node = { nodeName: 'node-a', clusterCidr: '10.64.0.0/16' };

interface ServiceState {
  readonly endpoints: readonly number[];
  readonly affinity: boolean;
  readonly nodePort: boolean;
}

/** Services by number, so that a state of the cluster is a small value. */
type ClusterState = ReadonlyMap<number, ServiceState>;

const rulesOf = (i: number, { endpoints, affinity, nodePort }: ServiceState) =>
  serviceRules(
    aService({
      name: `s${i}`,
      clusterIp: `10.96.0.${i + 10}`,
      ...(nodePort ? { nodePort: 30_000 + i } : {}),
      // All claim the same one.
      spec: { externalIPs: ['203.0.113.9'], ...(affinity ? { sessionAffinity: 'ClientIP' } : {}) },
    }),
    [aSlice({ service: `s${i}`, addresses: endpoints.map((e) => `10.64.0.${e + 2}`), nodeName: 'node-a' })],
    node,
  );

const change = (table: ServiceTable, state: ClusterState) => {
  for (const key of [...table.keys()]) if (!state.has(Number(key))) table.remove(key);
  for (const [i, service] of state) table.put(String(i), `rank ${i}`, rulesOf(i, service));
  return table;
};
const rulesetOf = (state: ClusterState) => change(new ServiceTable(), state).ruleset();

/** What the kernel has after the transaction for a ruleset went through. */
const observedFrom = ({ chains, affinitySets, elements }: Ruleset): ObservedTable => ({
  baseVersion: base.version,
  chains: new Map([...chains].map(([name, rules]) => [name, rules.length])),
  affinitySets: new Set(affinitySets.keys()),
  elements: new Map(
    [...elements]
      .filter(([, keys]) => keys.size > 0)
      .map(([into, keys]) => [into, new Map([...keys].map(([key, { data }]) => [key, data ?? '']))]),
  ),
});

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
        expect(planTransaction('t', base, observedFrom(ruleset), ruleset)).toBeUndefined();
      }),
    );
  });

  it('leads from any state to any other, in an order that the kernel takes, and by what changed just as well', () => {
    fc.assert(
      fc.property(fc.array(clusterState, { minLength: 1, maxLength: 4 }), (states) => {
        const table = new ServiceTable();
        const byChanges = new KernelModel();
        const byWhole = new KernelModel();
        for (const state of states) {
          change(table, state);
          const { before, after } = table.takeChange(base);
          byChanges.run(planTransaction('t', base, before, after) ?? '');
          byWhole.run(planTransaction('t', base, byWhole.observed, rulesetOf(state)) ?? '');
          expect(byChanges.observed).toEqual(observedFrom(table.ruleset()));
          expect(byWhole.observed).toEqual(observedFrom(rulesetOf(state)));
          expect(byChanges.observed.elements).toEqual(byWhole.observed.elements);
        }
        // Shared chains that nobody uses any more go when the whole is looked at.
        table.forgetUnused();
        byChanges.run(planTransaction('t', base, byChanges.observed, table.ruleset()) ?? '');
        expect(byChanges.observed).toEqual(byWhole.observed);
      }),
    );
  });

  it('costs what changed', () => {
    const many = new Map(
      Array.from({ length: 6 }, (_, i) => [i, { endpoints: [0, 1], affinity: false, nodePort: true }]),
    );
    const changed = new Map(many).set(3, { endpoints: [0, 1, 2], affinity: false, nodePort: true });
    const script = planTransaction('t', base, observedFrom(rulesetOf(many)), rulesetOf(changed)) ?? '';
    expect(script).toContain('10.96.0.13');
    expect(script).not.toContain('10.96.0.12');
    expect(script.split('\n').length).toBeLessThan(25);
  });

  it('replaces a table with another base as a whole', () => {
    const ruleset = rulesetOf(new Map([[1, { endpoints: [1], affinity: false, nodePort: false }]]));
    const script = planTransaction('t', base, { ...observedFrom(ruleset), baseVersion: 'base-old' }, ruleset) ?? '';
    expect(script).toContain('delete table inet t');
    expect(script).toBe(planTransaction('t', base, nothingObserved, ruleset));
  });
});

/** As strict as the kernel about the order: nothing may lead to a chain that is not there, or is to be deleted. */
class KernelModel {
  readonly #rules = new Map<string, string[]>();
  readonly #sets = new Set<string>();
  readonly #elements = new Map<string, Map<string, string>>();

  get observed(): ObservedTable {
    return {
      baseVersion: base.version,
      chains: new Map([...this.#rules].map(([name, rules]) => [name, rules.length])),
      affinitySets: this.#sets,
      elements: new Map([...this.#elements].filter(([, keys]) => keys.size > 0)),
    };
  }

  run(script: string): void {
    for (const line of script.split('\n').filter((each) => each !== '')) {
      const [, verb = '', what = '', name = '', rest = ''] = /^(\w+) (\w+) inet t (\S+) ?(.*)$/.exec(line) ?? [];
      this.#step(`${verb} ${what}`, name, rest);
    }
    for (const rules of this.#rules.values()) for (const rule of rules) this.#checkTargets(rule);
    for (const keys of this.#elements.values()) for (const data of keys.values()) this.#checkTargets(data);
  }

  #step(verb: string, name: string, rest: string): void {
    if (verb === 'add chain') this.#rules.set(name, this.#rules.get(name) ?? []);
    else if (verb === 'flush chain') this.#rules.set(name, []);
    else if (verb === 'delete chain') expect(this.#rules.delete(name) && !this.#isTarget(name)).toBe(true);
    else if (verb === 'add set') this.#sets.add(name);
    else if (verb === 'delete set') expect(this.#sets.delete(name)).toBe(true);
    else if (verb === 'add rule') {
      this.#checkTargets(rest);
      this.#rules.get(name)?.push(rest);
    } else this.#changeElements(verb, name, rest.replace(/^{ | }$/g, '').split(', '));
  }

  #changeElements(verb: string, into: string, elements: readonly string[]): void {
    const keys = this.#elements.get(into) ?? new Map<string, string>();
    this.#elements.set(into, keys);
    for (const element of elements) {
      const [key = '', data = ''] = element.replace(/ comment "[^"]*"/, '').split(' : ');
      this.#checkTargets(data);
      expect(keys.has(key)).toBe(verb === 'delete element');
      if (verb === 'delete element') keys.delete(key);
      else keys.set(key, data);
    }
  }

  #isTarget(chain: string): boolean {
    const data = [...this.#elements.values()].flatMap((keys) => [...keys.values()]);
    return [...this.#rules.values()]
      .flat()
      .concat(data)
      .some((text) => targetsOf(text).includes(chain));
  }

  #checkTargets(text: string): void {
    for (const target of targetsOf(text)) {
      expect(this.#rules.has(target) || ['mark-masquerade', 'refuse', 'ignore'].includes(target)).toBe(true);
    }
  }
}

function targetsOf(text: string): readonly string[] {
  return [...text.matchAll(/(?:goto|jump) ([\w-]+)/g)].map(([, target = '']) => target);
}
