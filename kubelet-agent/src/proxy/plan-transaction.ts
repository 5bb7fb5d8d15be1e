import type { BaseTable } from './base-chains.ts';
import type { Ruleset, RulesetElement } from './ruleset.ts';

/** What the kernel has of our table. */
export interface ObservedTable {
  /** The base as it was applied; undefined when it is not there or not whole. */
  readonly baseVersion: string | undefined;
  /** Every other chain, with the number of its rules. */
  readonly chains: ReadonlyMap<string, number>;
  readonly affinitySets: ReadonlySet<string>;
  /** Map or set → key → data (empty for sets). */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

export const nothingObserved: ObservedTable = {
  baseVersion: undefined,
  chains: new Map(),
  affinitySets: new Set(),
  elements: new Map(),
};

/**
 * Pure: the smallest transaction that leads from what is there to what shall be; undefined when they are equal. The order
 * matters: chains come before what leads to them, and go after it. A table whose base is foreign is replaced as a whole.
 */
export function planTransaction(
  table: string,
  base: BaseTable,
  observed: ObservedTable,
  desired: Ruleset,
): string | undefined {
  const isBaseRight = observed.baseVersion === base.version;
  const from = isBaseRight ? observed : nothingObserved;
  const lines = [
    ...(isBaseRight ? [] : baseLines(table, base)),
    ...addedChains(table, from, desired),
    ...elementChanges(table, from, desired),
    ...removedChains(table, from, desired),
  ];
  return lines.length > 0 ? `${lines.join('\n')}\n` : undefined;
}

function baseLines(table: string, base: BaseTable): string[] {
  const chains = [...base.chains];
  return [
    `add table inet ${table}`,
    `delete table inet ${table}`,
    `add table inet ${table}`,
    `add chain inet ${table} ${base.version}`,
    ...base.holders.map((holder) => holder.replace(/^(map|set) /, (_, kind: string) => `add ${kind} inet ${table} `)),
    ...chains.map(([name, { hook }]) => `add chain inet ${table} ${name}${hook ? ` { ${hook} }` : ''}`),
    ...chains.flatMap(([name, { rules }]) => rules.map((rule) => `add rule inet ${table} ${name} ${rule}`)),
  ];
}

function addedChains(table: string, from: ObservedTable, desired: Ruleset): string[] {
  const sets = [...desired.affinitySets].filter(([name]) => !from.affinitySets.has(name));
  // A chain with another number of rules than it should have was tampered with: its name says what belongs into it.
  const chains = [...desired.chains].filter(([name, rules]) => from.chains.get(name) !== rules.length);
  return [
    ...sets.map(([name, declaration]) => `add set inet ${table} ${name} ${declaration}`),
    ...chains.map(([name]) => `add chain inet ${table} ${name}`),
    ...chains.filter(([name]) => from.chains.has(name)).map(([name]) => `flush chain inet ${table} ${name}`),
    ...chains.flatMap(([name, rules]) => rules.map((rule) => `add rule inet ${table} ${name} ${rule}`)),
  ];
}

function elementChanges(table: string, from: ObservedTable, desired: Ruleset): string[] {
  const holders = new Set([...from.elements.keys(), ...desired.elements.keys()]);
  const removed: string[] = [];
  const added: string[] = [];
  for (const holder of holders) {
    const before = from.elements.get(holder) ?? new Map<string, string>();
    const after = desired.elements.get(holder) ?? new Map<string, RulesetElement>();
    const gone = [...before].filter(([key, data]) => dataOf(after.get(key)) !== data).map(([key]) => key);
    const come = [...after].filter(([key, element]) => before.get(key) !== dataOf(element));
    if (gone.length > 0) removed.push(`delete element inet ${table} ${holder} { ${gone.join(', ')} }`);
    if (come.length > 0) {
      const texts = come.map(([key, { data, comment }]) => `${key} comment "${comment}"${data ? ` : ${data}` : ''}`);
      added.push(`add element inet ${table} ${holder} { ${texts.join(', ')} }`);
    }
  }
  return [...removed, ...added];
}

/** As it is observed. Undefined: there is none. */
function dataOf(element: RulesetElement | undefined): string | undefined {
  return element && (element.data ?? '');
}

/** Emptied first, because they lead to each other and use the sets. */
function removedChains(table: string, from: ObservedTable, desired: Ruleset): string[] {
  const chains = [...from.chains.keys()].filter((name) => !desired.chains.has(name));
  const sets = [...from.affinitySets].filter((name) => !desired.affinitySets.has(name));
  return [
    ...chains.map((name) => `flush chain inet ${table} ${name}`),
    ...chains.map((name) => `delete chain inet ${table} ${name}`),
    ...sets.map((name) => `delete set inet ${table} ${name}`),
  ];
}
