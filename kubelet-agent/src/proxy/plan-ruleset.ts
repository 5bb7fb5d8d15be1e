import type { Ruleset, RulesetElement } from './ruleset.ts';
import type { ServiceRules } from './service-rules.ts';

/**
 * Pure: one table out of all services. Where two services claim the same address and port (an external IP used twice), the
 * first one has it, in the order of the list: sort by age.
 */
export function planRuleset(services: Iterable<ServiceRules>): Ruleset {
  const chains = new Map<string, readonly string[]>();
  const affinitySets = new Map<string, string>();
  const elements = new Map<string, Map<string, RulesetElement>>();
  for (const rules of services) {
    for (const [name, content] of rules.chains) chains.set(name, content);
    for (const [name, declaration] of rules.affinitySets) affinitySets.set(name, declaration);
    for (const { into, key, verdict, comment } of rules.elements) {
      const holder = elements.get(into) ?? new Map<string, RulesetElement>();
      elements.set(into, holder);
      if (!holder.has(key)) holder.set(key, { verdict, comment });
    }
  }
  return { chains, affinitySets, elements };
}
