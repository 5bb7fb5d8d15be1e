import type { CompiledPolicy } from './compile-policy.ts';
import { renderIsolationChain } from './render-rules.ts';
import {
  contentName,
  type Direction,
  type DispatchElement,
  type DispatchMap,
  type Family,
  type IsolationChain,
  type MemberSet,
  type NamedPortRef,
  type PolicyChain,
  type PolicyRuleset,
  portElement,
} from './ruleset.ts';
import type { NamedPort } from './peer-pod.ts';

/** A pod of this node with the policies that select it. */
export interface Subject {
  /** `default/web-1` */
  readonly pod: string;
  readonly ips: readonly string[];
  readonly ports: readonly NamedPort[];
  readonly policies: readonly CompiledPolicy[];
}

/** Pure: the rules of a node. Where two pods seem to have one address, the first has it. */
export function planPolicies(subjects: Iterable<Subject>): PolicyRuleset {
  const plan = new Plan();
  for (const subject of subjects) {
    for (const ip of subject.ips) {
      plan.isolate(subject, ip, 'egress');
      plan.isolate(subject, ip, 'ingress');
    }
  }
  return plan;
}

class Plan implements PolicyRuleset {
  readonly policyChains = new Map<string, PolicyChain>();
  readonly isolationChains = new Map<string, IsolationChain>();
  readonly dispatch: Readonly<Record<DispatchMap, Map<string, DispatchElement>>> = {
    egress4: new Map(),
    egress6: new Map(),
    ingress4: new Map(),
    ingress6: new Map(),
  };
  readonly memberSets = new Map<string, MemberSet>();
  readonly ownPorts = new Map<string, { readonly family: Family; readonly elements: Set<string> }>();

  isolate({ pod, ports, policies }: Subject, ip: string, direction: Direction): void {
    const family: Family = ip.includes(':') ? 6 : 4;
    const elements = this.dispatch[`${direction}${family}`];
    const isolating = policies.filter((policy) => policy.isolates(direction));
    if (isolating.length === 0 || elements.has(ip)) return;
    const names: string[] = [];
    for (const policy of isolating) {
      const { name, chain, memberSets, ownPorts } = policy.chain(direction, family);
      if (name === undefined) continue;
      names.push(name);
      this.policyChains.set(name, chain);
      for (const set of memberSets) this.memberSets.set(set.name, set);
      this.#addOwnPorts(ownPorts, family, ip, ports);
    }
    elements.set(ip, { chain: this.#isolationChain([...new Set(names)].sort()), pod });
  }

  #isolationChain(policyChains: readonly string[]): string {
    const chain = { policyChains };
    const name = contentName('isolate', renderIsolationChain(chain));
    this.isolationChains.set(name, chain);
    return name;
  }

  #addOwnPorts(sets: ReadonlyMap<string, NamedPortRef>, family: Family, ip: string, ports: readonly NamedPort[]): void {
    for (const [set, wanted] of sets) {
      const { elements } = this.ownPorts.get(set) ?? { elements: new Set<string>() };
      this.ownPorts.set(set, { family, elements });
      for (const { name, protocol, port } of ports) {
        if (name === wanted.name && protocol === wanted.protocol) elements.add(portElement(ip, protocol, port));
      }
    }
  }
}
