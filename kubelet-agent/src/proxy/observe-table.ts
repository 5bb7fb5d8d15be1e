import type { NftObject } from '@slipway/cni';
import type { BaseTable } from './base-chains.ts';
import { nothingObserved, type ObservedTable } from './plan-transaction.ts';
import { protocolNumbers } from './ruleset.ts';

/** Pure: reads `nft -j list table`. Undefined input: there is no table. */
export function observeTable(listing: readonly NftObject[] | undefined, base: BaseTable): ObservedTable {
  if (!listing) return nothingObserved;
  const chains = new Map<string, number>();
  const affinitySets = new Set<string>();
  const elements = new Map<string, Map<string, string>>();
  for (const { chain } of listing) if (chain) chains.set(String(chain.name), 0);
  for (const { rule } of listing) {
    if (rule) chains.set(String(rule.chain), (chains.get(String(rule.chain)) ?? 0) + 1);
  }
  for (const { set, map } of listing) {
    const holder = set ?? map;
    if (!holder) continue;
    const name = String(holder.name);
    if (name.startsWith('aff-')) affinitySets.add(name);
    else elements.set(name, elementsOf(holder.elem));
  }
  const isBaseWhole =
    chains.has(base.version) && [...base.chains].every(([name, { rules }]) => chains.get(name) === rules.length);
  for (const name of [base.version, ...base.chains.keys()]) chains.delete(name);
  return { baseVersion: isBaseWhole ? base.version : undefined, chains, affinitySets, elements };
}

function elementsOf(raw: unknown): Map<string, string> {
  const entries = Array.isArray(raw) ? raw : [];
  return new Map(
    entries.map((entry: unknown) => {
      const [key, data] = Array.isArray(entry) ? entry : [entry, undefined];
      return [keyText(key), dataText(data)] as const;
    }),
  );
}

function keyText(key: unknown): string {
  if (typeof key !== 'object' || key === null) return wordText(key);
  const { elem, concat } = key as { elem?: { val: unknown }; concat?: readonly unknown[] };
  if (elem) return keyText(elem.val);
  return (concat ?? []).map(wordText).join(' . ');
}

/** Listings name protocols where the machine knows names. */
function wordText(word: unknown): string {
  return String(protocolNumbers[String(word).toUpperCase()] ?? word);
}

function dataText(data: unknown): string {
  const { goto, concat } = (data ?? {}) as { goto?: { target?: string }; concat?: readonly unknown[] };
  if (concat) return concat.map(String).join(' . ');
  return goto?.target ? `goto ${goto.target}` : '';
}
