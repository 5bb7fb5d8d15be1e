/**
 * All services' rules put together, kept so that a change of one service costs what that service has. Services share chains
 * and may claim the same element: chains are counted, and an element goes to the oldest service that claims it.
 *
 * What changed since the last look is kept as two values, before and after, of what was touched only; the plan of a
 * transaction is the same function for them as for the whole table.
 */
import type { BaseTable } from './base-chains.ts';
import type { ObservedTable } from './plan-transaction.ts';
import { isShared, type Ruleset, type RulesetElement } from './ruleset.ts';
import type { ServiceRules } from './service-rules.ts';

interface Counted<T> {
  readonly content: T;
  users: number;
}

interface Claim {
  /** Sorts older services first. */
  readonly rank: string;
  readonly element: RulesetElement;
}

type Claims = Claim | readonly Claim[];

interface Member {
  readonly rank: string;
  readonly rules: ServiceRules;
}

/** What was touched, as it was and as it is. */
export interface TableChange {
  readonly before: ObservedTable;
  readonly after: Ruleset;
}

export class ServiceTable {
  readonly #members = new Map<string, Member>();
  readonly #chains = new Map<string, Counted<readonly string[]>>();
  readonly #sets = new Map<string, Counted<string>>();
  readonly #elements = new Map<string, Map<string, Claims>>();
  #touched = new Touched();

  get size(): number {
    return this.#members.size;
  }

  keys(): Iterable<string> {
    return this.#members.keys();
  }

  rulesOf(key: string): ServiceRules | undefined {
    return this.#members.get(key)?.rules;
  }

  /** Puts a service's rules in the place of those it had. `rank` sorts older services first and never changes. */
  put(key: string, rank: string, rules: ServiceRules): void {
    const known = this.#members.get(key);
    this.#members.set(key, { rank, rules });
    // What comes is counted before what goes: what both have stays untouched.
    this.#enter(rank, rules);
    if (known) this.#leave(known, known.rank === rank ? rules : undefined);
  }

  remove(key: string): void {
    const known = this.#members.get(key);
    if (!known) return;
    this.#members.delete(key);
    this.#leave(known, undefined);
  }

  /** Before the whole table is planned: shared chains without a user go. */
  forgetUnused(): void {
    for (const [name, { users }] of this.#chains) if (users === 0) this.#chains.delete(name);
  }

  /** The whole table, with the shared chains that nobody uses at the moment. */
  ruleset(): Ruleset {
    const elements = [...this.#elements].map(([into, claims]) => {
      const winners = [...claims].map(([key, each]) => [key, winnerOf(each)] as const);
      return [into, new Map(winners)] as const;
    });
    return {
      chains: new Map([...this.#chains].map(([name, { content }]) => [name, content])),
      affinitySets: new Map([...this.#sets].map(([name, { content }]) => [name, content])),
      elements: new Map(elements),
    };
  }

  /** What changed since the last call. */
  takeChange(base: BaseTable): TableChange {
    const touched = this.#touched;
    this.#touched = new Touched();
    const { chains, sets, elements } = touched;
    return {
      before: {
        baseVersion: base.version,
        chains: new Map(present(chains).map(([name, rules]) => [name, rules.length])),
        affinitySets: new Set(present(sets).map(([name]) => name)),
        elements: mapValues(elements, (keys) => mapValues(new Map(present(keys)), ({ data }) => data ?? '')),
      },
      after: {
        chains: this.#current(chains.keys(), this.#chains),
        affinitySets: this.#current(sets.keys(), this.#sets),
        elements: new Map([...elements].map(([into, keys]) => [into, this.#winners(into, keys.keys())])),
      },
    };
  }

  #enter(rank: string, { chains, affinitySets, elements }: ServiceRules): void {
    for (const [name, rules] of chains) enter(this.#chains, this.#touched.chains, name, rules);
    for (const [name, declaration] of affinitySets) enter(this.#sets, this.#touched.sets, name, declaration);
    for (const { into, key, data, comment } of elements) {
      this.#changeClaims(into, key, (claims) => withClaim(claims, { rank, element: { data, comment } }));
    }
  }

  /** `next`: what the same service has now; its claims have taken the places of the old ones already. */
  #leave({ rank, rules }: Member, next: ServiceRules | undefined): void {
    for (const name of rules.chains.keys()) leave(this.#chains, this.#touched.chains, name);
    for (const name of rules.affinitySets.keys()) leave(this.#sets, this.#touched.sets, name);
    const kept = new Set(next?.elements.map(({ into, key }) => `${into} ${key}`));
    for (const { into, key } of rules.elements) {
      if (!kept.has(`${into} ${key}`)) this.#changeClaims(into, key, (claims) => withoutClaim(claims, rank));
    }
  }

  #changeClaims(into: string, key: string, change: (claims: Claims | undefined) => Claims | undefined): void {
    const holder = this.#elements.get(into) ?? new Map<string, Claims>();
    this.#elements.set(into, holder);
    const before = holder.get(key);
    const after = change(before);
    if (after === undefined) holder.delete(key);
    else holder.set(key, after);
    const [was, is] = [before && winnerOf(before), after && winnerOf(after)];
    if (was?.data !== is?.data || (was === undefined) !== (is === undefined)) this.#touched.element(into, key, was);
  }

  #current<T>(names: Iterable<string>, from: ReadonlyMap<string, Counted<T>>): Map<string, T> {
    const found = new Map<string, T>();
    for (const name of names) {
      const entry = from.get(name);
      if (entry) found.set(name, entry.content);
    }
    return found;
  }

  #winners(into: string, keys: Iterable<string>): Map<string, RulesetElement> {
    const found = new Map<string, RulesetElement>();
    for (const key of keys) {
      const claims = this.#elements.get(into)?.get(key);
      if (claims) found.set(key, winnerOf(claims));
    }
    return found;
  }
}

/** Names of what may have changed, with what was there before the first change; undefined = nothing was. */
class Touched {
  readonly chains = new Map<string, readonly string[] | undefined>();
  readonly sets = new Map<string, string | undefined>();
  readonly elements = new Map<string, Map<string, RulesetElement | undefined>>();

  element(into: string, key: string, before: RulesetElement | undefined): void {
    const keys = this.elements.get(into) ?? new Map<string, RulesetElement | undefined>();
    this.elements.set(into, keys);
    if (!keys.has(key)) keys.set(key, before);
  }
}

function enter<T>(all: Map<string, Counted<T>>, touched: Map<string, T | undefined>, name: string, content: T): void {
  const known = all.get(name);
  if (known) return void known.users++;
  all.set(name, { content, users: 1 });
  if (!touched.has(name)) touched.set(name, undefined);
}

/** What services share stays for the next one: to make a chain costs more than elements do. See `forgetUnused`. */
function leave<T>(all: Map<string, Counted<T>>, touched: Map<string, T | undefined>, name: string): void {
  const known = all.get(name);
  if (!known || --known.users > 0 || isShared(name)) return;
  all.delete(name);
  if (!touched.has(name)) touched.set(name, known.content);
}

const listOf = (claims: Claims | undefined): readonly Claim[] =>
  claims === undefined ? [] : Array.isArray(claims) ? claims : [claims as Claim];

function winnerOf(claims: Claims): RulesetElement {
  return (Array.isArray(claims) ? claims[0] : claims).element;
}

/** A service has one claim on an element: the new one replaces the one it had. */
function withClaim(claims: Claims | undefined, claim: Claim): Claims {
  if (claims === undefined) return claim;
  const others = listOf(claims).filter(({ rank }) => rank !== claim.rank);
  return others.length === 0 ? claim : [...others, claim].toSorted((a, b) => (a.rank < b.rank ? -1 : 1));
}

function withoutClaim(claims: Claims | undefined, gone: string): Claims | undefined {
  const others = listOf(claims).filter(({ rank }) => rank !== gone);
  return others.length > 1 ? others : others[0];
}

function present<T>(entries: ReadonlyMap<string, T | undefined>): [string, T][] {
  return [...entries].flatMap(([name, value]): [string, T][] => (value === undefined ? [] : [[name, value]]));
}

function mapValues<T, U>(entries: ReadonlyMap<string, T>, change: (value: T) => U): Map<string, U> {
  return new Map([...entries].map(([key, value]) => [key, change(value)]));
}
