import { baseTable } from './base-table.ts';
import type { ObservedTable } from './observe-table.ts';
import type { MemberChanges } from './peer-index.ts';
import { commentText, renderIsolationChain, renderPolicyChain } from './render-rules.ts';
import { dispatchMaps, type Family, type MemberSet, type PolicyRuleset } from './ruleset.ts';

/** What the kernel has: as it was listed; or by what was applied last, and then members are known by their changes. */
export type KernelState =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'listed'; readonly table: ObservedTable }
  | { readonly kind: 'applied'; readonly ruleset: PolicyRuleset };

export interface DesiredState {
  readonly ruleset: PolicyRuleset;
  /** Elements of a member set, all of them. */
  members(set: string): ReadonlySet<string>;
  readonly memberChanges: MemberChanges;
}

export interface SetElement {
  readonly set: string;
  readonly element: string;
}

/** A script for `nft`; or elements alone, for which no program need be started. */
export type PolicyTransaction =
  | { readonly kind: 'script'; readonly script: string }
  | { readonly kind: 'elements'; readonly add: readonly SetElement[]; readonly remove: readonly SetElement[] };

const nothing: ObservedTable = { chains: new Map(), sets: new Map(), dispatch: new Map(), pods: new Map() };

/**
 * Pure: the smallest transaction that leads from what is there to what shall be; undefined when they are equal. The order
 * matters: what is led to comes first and goes last. When only pods came and went, only elements are looked at.
 */
export function planTransaction(
  table: string,
  kernel: KernelState,
  desired: DesiredState,
): PolicyTransaction | undefined {
  const { ruleset } = desired;
  if (kernel.kind === 'applied' && kernel.ruleset === ruleset) {
    return memberTransaction(table, [...desired.memberChanges].map(changeOf));
  }
  const from =
    kernel.kind === 'nothing' ? nothing : kernel.kind === 'listed' ? kernel.table : tableFrom(kernel.ruleset);
  const changes = [...setChanges(from, kernel, desired)];
  const chains = chainLines(table, from, ruleset);
  const oldSets = [...from.sets.keys()].filter((name) => !isWanted(ruleset, name));
  return scriptOf([
    ...(kernel.kind === 'nothing' ? baseLines(table) : []),
    ...newSets(table, from, ruleset),
    ...chains.added,
    ...dispatchLines(table, from, ruleset),
    ...memberLines(table, changes),
    ...chains.removed,
    ...oldSets.map((name) => `delete set inet ${table} ${name}`),
  ]);
}

function scriptOf(lines: readonly string[]): PolicyTransaction | undefined {
  return lines.length > 0 ? { kind: 'script', script: `${lines.join('\n')}\n` } : undefined;
}

/** Elements that one message each can change without a program in between. More are better told to `nft` in a few lines. */
const directElementsMax = 400;

function memberTransaction(table: string, changes: readonly SetChange[]): PolicyTransaction | undefined {
  const remove = changes.flatMap(({ set, gone }) => gone.map((element) => ({ set, element })));
  const add = changes.flatMap(({ set, come }) => come.map((element) => ({ set, element })));
  if (remove.length + add.length === 0) return undefined;
  if (remove.length + add.length > directElementsMax) return scriptOf(memberLines(table, changes));
  return { kind: 'elements', add, remove };
}

function baseLines(table: string): string[] {
  const { version, maps, sets, chains } = baseTable;
  return [
    `add table inet ${table}`,
    `delete table inet ${table}`,
    `add table inet ${table}`,
    `add chain inet ${table} ${version}`,
    ...[...maps].map(([name, declaration]) => `add map inet ${table} ${name} ${declaration}`),
    ...[...sets].map(([name, declaration]) => `add set inet ${table} ${name} ${declaration}`),
    ...[...chains].map(([name, { hook }]) => `add chain inet ${table} ${name} { ${hook} }`),
    ...[...chains].flatMap(([name, { rules }]) => rules.map((rule) => `add rule inet ${table} ${name} ${rule}`)),
  ];
}

/** The table as the transaction for a ruleset left it, without the elements of member sets. */
function tableFrom(ruleset: PolicyRuleset): ObservedTable {
  const chains = new Map<string, number>();
  for (const [name, { rules }] of ruleset.policyChains) chains.set(name, rules.length);
  for (const [name, { policyChains }] of ruleset.isolationChains) chains.set(name, policyChains.length + 1);
  const sets = new Map<string, ReadonlySet<string>>();
  for (const name of ruleset.memberSets.keys()) sets.set(name, new Set());
  for (const [name, elements] of smallSets(ruleset)) sets.set(name, elements);
  const dispatch = new Map(
    dispatchMaps.map((map) => [map, new Map([...ruleset.dispatch[map]].map(([ip, { chain }]) => [ip, chain]))]),
  );
  return { chains, sets, dispatch, pods: new Map() };
}

/** Sets whose elements the ruleset has itself. */
function* smallSets({ dispatch, ownPorts }: PolicyRuleset): Generator<readonly [string, ReadonlySet<string>]> {
  for (const family of [4, 6] as const) {
    const isolated = [...dispatch[`egress${family}`].keys(), ...dispatch[`ingress${family}`].keys()];
    yield [`self${family}`, new Set(isolated.map((ip) => `${ip} . ${ip}`))];
  }
  for (const [name, { elements }] of ownPorts) yield [name, elements];
}

function isWanted({ memberSets, ownPorts }: PolicyRuleset, set: string): boolean {
  return memberSets.has(set) || ownPorts.has(set) || baseTable.sets.has(set);
}

function newSets(table: string, from: ObservedTable, { memberSets, ownPorts }: PolicyRuleset): string[] {
  const declarations = [
    ...[...memberSets.values()].map((set) => [set.name, memberSetDeclaration(set)] as const),
    ...[...ownPorts].map(([name, { family }]) => [name, `{ ${portsType(family)} }`] as const),
  ];
  const added = declarations.filter(([name]) => !from.sets.has(name));
  return added.map(([name, declaration]) => `add set inet ${table} ${name} ${declaration}`);
}

function memberSetDeclaration({ family, port, selector }: MemberSet): string {
  if (!port) return `{ type ipv${family}_addr; comment "${commentText(selector.key)}"; }`;
  return `{ ${portsType(family)} comment "${commentText(`${port.name}/${port.protocol} ${selector.key}`)}"; }`;
}

function portsType(family: Family): string {
  return `type ipv${family}_addr . inet_proto . inet_service;`;
}

/** A chain with another number of rules than it should have was tampered with: its name says what belongs into it. */
function chainLines(table: string, from: ObservedTable, { policyChains, isolationChains }: PolicyRuleset) {
  const isNew = (name: string, rules: number) => from.chains.get(name) !== rules;
  const wanted = [
    ...[...policyChains]
      .filter(([name, { rules }]) => isNew(name, rules.length))
      .map(([name, chain]) => [name, renderPolicyChain(chain)] as const),
    ...[...isolationChains]
      .filter(([name, chain]) => isNew(name, chain.policyChains.length + 1))
      .map(([name, chain]) => [name, renderIsolationChain(chain)] as const),
  ];
  const old = [...from.chains.keys()].filter((name) => !policyChains.has(name) && !isolationChains.has(name));
  return {
    added: [
      ...wanted.map(([name]) => `add chain inet ${table} ${name}`),
      ...wanted.filter(([name]) => from.chains.has(name)).map(([name]) => `flush chain inet ${table} ${name}`),
      ...wanted.flatMap(([name, rules]) => rules.map((rule) => `add rule inet ${table} ${name} ${rule}`)),
    ],
    removed: [
      ...old.map((name) => `flush chain inet ${table} ${name}`), // they lead to each other and use the sets
      ...old.map((name) => `delete chain inet ${table} ${name}`),
    ],
  };
}

function dispatchLines(table: string, from: ObservedTable, { dispatch }: PolicyRuleset): string[] {
  return dispatchMaps.flatMap((map) => {
    const before = from.dispatch.get(map) ?? new Map<string, string>();
    const gone = [...before].filter(([ip, chain]) => dispatch[map].get(ip)?.chain !== chain).map(([ip]) => ip);
    const come = [...dispatch[map]].filter(([ip, { chain }]) => before.get(ip) !== chain);
    const texts = come.map(([ip, { chain, pod }]) => `${ip} comment "${commentText(pod)}" : jump ${chain}`);
    return [...elementLines('delete', table, map, gone), ...elementLines('add', table, map, texts)];
  });
}

interface SetChange {
  readonly set: string;
  readonly gone: readonly string[];
  readonly come: readonly string[];
}

function changeOf([set, elements]: readonly [string, ReadonlyMap<string, boolean>]): SetChange {
  const all = [...elements];
  const having = (hasCome: boolean) => all.filter(([, each]) => each === hasCome).map(([element]) => element);
  return { set, gone: having(false), come: having(true) };
}

function* setChanges(from: ObservedTable, kernel: KernelState, desired: DesiredState): Generator<SetChange> {
  for (const [set, elements] of smallSets(desired.ruleset)) yield difference(set, from.sets.get(set), elements);
  if (kernel.kind === 'applied') {
    for (const change of desired.memberChanges) yield changeOf(change);
    return;
  }
  for (const set of desired.ruleset.memberSets.keys()) {
    yield difference(set, from.sets.get(set), desired.members(set));
  }
}

function difference(set: string, before: ReadonlySet<string> = new Set(), after: ReadonlySet<string>): SetChange {
  return {
    set,
    gone: [...before].filter((element) => !after.has(element)),
    come: [...after].filter((element) => !before.has(element)),
  };
}

function memberLines(table: string, changes: readonly SetChange[]): string[] {
  return changes.flatMap(({ set, gone, come }) => [
    ...elementLines('delete', table, set, gone),
    ...elementLines('add', table, set, come),
  ]);
}

/** Elements per line: a line is parsed as a whole. */
const lineElementsMax = 2_000;

function elementLines(verb: 'add' | 'delete', table: string, into: string, elements: readonly string[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < elements.length; i += lineElementsMax) {
    lines.push(`${verb} element inet ${table} ${into} { ${elements.slice(i, i + lineElementsMax).join(', ')} }`);
  }
  return lines;
}
