import type { LabelGroup } from '../pods/label-group.ts';
import type { AffinityTerm, NamespaceLabels } from '../pods/pod-terms.ts';
import type { SlotCounts } from './slot-counts.ts';

/** An affinity term that pods with a node have, and where those are. */
export interface HeldTerm {
  readonly term: AffinityTerm;
  readonly weight: number;
  readonly counts: SlotCounts;
}

interface Entry extends HeldTerm {
  readonly counts: Map<number, number>;
}

/**
 * Affinity works both ways: what running pods want of a new one. Terms are shared by the pods of a template, so a
 * cluster of many pods has few of them, and only those are asked that look at the new pod's namespace.
 */
export class HeldTerms {
  readonly #entries = new Map<object, Entry>();
  readonly #byNamespace = new Map<string, Set<Entry>>();
  readonly #anywhere = new Set<Entry>();

  get size(): number {
    return this.#entries.size;
  }

  /** `holder` identifies the term with its weight. */
  add(holder: object, term: AffinityTerm, weight: number, slot: number, by: 1 | -1): void {
    let entry = this.#entries.get(holder);
    if (!entry) {
      entry = { term, weight, counts: new Map() };
      this.#entries.set(holder, entry);
      this.#file(entry);
    }
    const count = (entry.counts.get(slot) ?? 0) + by;
    if (count === 0) entry.counts.delete(slot);
    else entry.counts.set(slot, count);
    if (entry.counts.size > 0) return;
    this.#entries.delete(holder);
    this.#unfile(entry);
  }

  /** The terms that pods of the group match. */
  matching(group: LabelGroup, namespaceLabels: NamespaceLabels): HeldTerm[] {
    const found: HeldTerm[] = [];
    for (const entries of [this.#byNamespace.get(group.namespace), this.#anywhere]) {
      for (const entry of entries ?? []) if (entry.term.matches(group, namespaceLabels)) found.push(entry);
    }
    return found;
  }

  #file(entry: Entry): void {
    if (!entry.term.namespaces) {
      this.#anywhere.add(entry);
      return;
    }
    for (const namespace of entry.term.namespaces) {
      const entries = this.#byNamespace.get(namespace);
      if (entries) entries.add(entry);
      else this.#byNamespace.set(namespace, new Set([entry]));
    }
  }

  #unfile(entry: Entry): void {
    this.#anywhere.delete(entry);
    for (const namespace of entry.term.namespaces ?? []) {
      const entries = this.#byNamespace.get(namespace);
      entries?.delete(entry);
      if (entries?.size === 0) this.#byNamespace.delete(namespace);
    }
  }
}
