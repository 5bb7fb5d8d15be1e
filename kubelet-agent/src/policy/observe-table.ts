import type { NftObject } from '@slipway/cni';
import { baseTable } from './base-table.ts';
import { protocolNumbers } from './ruleset.ts';

/** What the kernel has of our table. */
export interface ObservedTable {
  /** Every chain that is not of the base, with the number of its rules. */
  readonly chains: ReadonlyMap<string, number>;
  /** Set → elements. */
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
  /** Dispatch map → address → chain. */
  readonly dispatch: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Address → the pod that its element in a dispatch map names. */
  readonly pods: ReadonlyMap<string, string>;
}

/** Pure: reads `nft -j list table`. Undefined when there is no table, or one that is not whole. */
export function observeTable(listing: readonly NftObject[] | undefined): ObservedTable | undefined {
  if (!listing) return undefined;
  const chains = new Map<string, number>();
  const sets = new Map<string, ReadonlySet<string>>();
  const dispatch = new Map<string, ReadonlyMap<string, string>>();
  const pods = new Map<string, string>();
  for (const { chain } of listing) if (chain) chains.set(String(chain.name), 0);
  for (const { rule, set, map } of listing) {
    if (rule) chains.set(String(rule.chain), (chains.get(String(rule.chain)) ?? 0) + 1);
    if (set) sets.set(String(set.name), new Set(listOf(set.elem).map(keyText)));
    if (!map) continue;
    dispatch.set(String(map.name), verdictsOf(map.elem));
    for (const [ip, pod] of commentsOf(map.elem)) pods.set(ip, pod);
  }
  const isWhole =
    chains.has(baseTable.version) &&
    [...baseTable.chains].every(([name, { rules }]) => chains.get(name) === rules.length) &&
    [...baseTable.maps.keys()].every((name) => dispatch.has(name)) &&
    [...baseTable.sets.keys()].every((name) => sets.has(name));
  for (const name of [baseTable.version, ...baseTable.chains.keys()]) chains.delete(name);
  return isWhole ? { chains, sets, dispatch, pods } : undefined;
}

function verdictsOf(raw: unknown): ReadonlyMap<string, string> {
  return new Map(
    listOf(raw).map((entry) => {
      const [key, verdict] = listOf(entry);
      const target = (verdict as { jump?: { target?: string } } | undefined)?.jump?.target;
      return [keyText(key), target ?? ''] as const;
    }),
  );
}

function commentsOf(raw: unknown): readonly (readonly [ip: string, comment: string])[] {
  return listOf(raw).flatMap((entry) => {
    const { elem } = (listOf(entry)[0] ?? {}) as { elem?: { val: unknown; comment?: unknown } };
    return typeof elem?.comment === 'string' ? [[keyText(elem.val), elem.comment] as const] : [];
  });
}

function listOf(raw: unknown): readonly unknown[] {
  return Array.isArray(raw) ? raw : [];
}

/** `10.64.0.5`, or `10.64.0.5 . 6 . 80`. Listings name protocols where the machine knows names. */
function keyText(key: unknown): string {
  if (typeof key !== 'object' || key === null) return wordText(key);
  const { elem, concat } = key as { elem?: { val: unknown }; concat?: readonly unknown[] };
  return elem ? keyText(elem.val) : (concat ?? []).map(wordText).join(' . ');
}

function wordText(word: unknown): string {
  return String(protocolNumbers[String(word).toUpperCase()] ?? word);
}
