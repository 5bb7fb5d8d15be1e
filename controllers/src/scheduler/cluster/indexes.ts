/**
 * What cycles ask of all nodes and all pods, answered from arrays by slot. An index is made when it is first asked for,
 * kept current by changes, and forgotten when others are asked for more: none of this is state of its own.
 */
import type { Demand } from '../pods/demand.ts';
import type { LabelGroup } from '../pods/label-group.ts';
import type { NodeSelection } from '../pods/matchers.ts';
import type { NamespaceLabels, PodSelection } from '../pods/pod-terms.ts';
import type { NodeInfo } from './node-info.ts';
import { NodeMemo } from './node-memo.ts';
import { Recent } from './recent.ts';
import type { CountsByNode } from './slot-counts.ts';
import { TopologyColumn } from './topology-column.ts';

/** Indexes of each kind that are kept; each costs some bytes per node. */
const columnsMax = 64;
const selectionsMax = 128;
const nodeSelectionsMax = 128;
const imagesMax = 256;
const memosMax = 64;

/** Where an image is. */
export interface ImageColumn {
  /** By slot: 1 where the node has it. */
  readonly present: Uint8Array;
  readonly sizeBytes: number;
  readonly nodeCount: number;
}

interface ImageIndex extends ImageColumn {
  sizeBytes: number;
  nodeCount: number;
}

interface SelectionIndex {
  readonly selection: PodSelection;
  readonly counts: Int32Array;
}

interface NodeSelectionIndex {
  readonly selection: NodeSelection;
  /** By slot: 0 not known yet, 1 matches, 2 does not. */
  readonly answers: Uint8Array;
}

/** What indexes are made from. */
export interface IndexSource {
  readonly capacity: number;
  readonly nodes: Iterable<NodeInfo>;
  readonly groupCounts: CountsByNode<LabelGroup>;
  groupsIn(namespaces: ReadonlySet<string> | undefined): Iterable<LabelGroup>;
  readonly namespaceLabels: NamespaceLabels;
}

export class Indexes {
  readonly #source: IndexSource;
  readonly #columns = new Recent<TopologyColumn>(columnsMax);
  readonly #selections = new Recent<SelectionIndex>(selectionsMax);
  readonly #nodeSelections = new Recent<NodeSelectionIndex>(nodeSelectionsMax);
  readonly #images = new Recent<ImageIndex>(imagesMax);
  readonly #memos = new Recent<NodeMemo>(memosMax);
  /** The selections that a group matches, as long as no selection came since. */
  #matching = new WeakMap<LabelGroup, readonly SelectionIndex[]>();

  constructor(source: IndexSource) {
    this.#source = source;
  }

  topology(key: string): TopologyColumn {
    const known = this.#columns.get(key);
    // Nodes that come and go under new names leave domains behind; then it is made anew.
    if (known && known.size <= 2 * this.#source.capacity) return known;
    const column = new TopologyColumn(key, this.#source.capacity);
    for (const node of this.#source.nodes) column.set(node.slot, node.labels);
    this.#columns.set(key, column);
    return column;
  }

  /** Pods that match, by slot. */
  countsOf(selection: PodSelection): Int32Array {
    const known = this.#selections.get(selection.key);
    if (known) return known.counts;
    const { capacity, groupCounts, namespaceLabels } = this.#source;
    const counts = new Int32Array(capacity);
    for (const group of this.#source.groupsIn(selection.namespaces)) {
      if (!matches(selection, group, namespaceLabels)) continue;
      for (const [slot, count] of groupCounts.of(group) ?? []) counts[slot] = (counts[slot] ?? 0) + count;
    }
    this.#selections.set(selection.key, { selection, counts });
    this.#matching = new WeakMap();
    return counts;
  }

  isSelected(selection: NodeSelection, node: NodeInfo): boolean {
    return this.#answer(this.#answersOf(selection), selection, node);
  }

  /** As `isSelected`, for asking of many nodes. */
  selector(selection: NodeSelection): (node: NodeInfo) => boolean {
    const answers = this.#answersOf(selection);
    return (node) => this.#answer(answers, selection, node);
  }

  image(name: string): ImageColumn {
    const known = this.#images.get(name);
    if (known) return known;
    const column: ImageIndex = { present: new Uint8Array(this.#source.capacity), sizeBytes: 0, nodeCount: 0 };
    for (const node of this.#source.nodes) lookForImage(column, name, node);
    this.#images.set(name, column);
    return column;
  }

  /** What earlier pods of the demand found out about single nodes. A demand that names its nodes has few of them, and mostly one pod. */
  memo(demand: Demand, profile: { readonly schedulerName: string }): NodeMemo | undefined {
    if (demand.nodeNames) return undefined;
    const key = `${profile.schedulerName}/${demand.id}`;
    const known = this.#memos.get(key);
    if (known?.demand === demand && known.profile === profile) return known;
    const memo = new NodeMemo(demand, profile, this.#source.capacity);
    this.#memos.set(key, memo);
    return memo;
  }

  nodeChanged(node: NodeInfo): void {
    for (const column of this.#columns.values()) {
      if (node.exists) column.set(node.slot, node.labels);
      else column.clear(node.slot);
    }
    for (const { answers } of this.#nodeSelections.values()) answers[node.slot] = 0;
  }

  imagesChanged(node: NodeInfo): void {
    for (const [name, column] of this.#images.entries()) lookForImage(column, name, node);
  }

  podCounted(group: LabelGroup, slot: number, by: 1 | -1): void {
    let matching = this.#matching.get(group);
    if (!matching) {
      const { namespaceLabels } = this.#source;
      matching = [...this.#selections.values()].filter(({ selection }) => matches(selection, group, namespaceLabels));
      this.#matching.set(group, matching);
    }
    for (const { counts } of matching) counts[slot] = (counts[slot] ?? 0) + by;
  }

  /** Selections that ask for labels of namespaces have to be asked again. */
  namespacesChanged(): void {
    this.#selections.clear();
    this.#matching = new WeakMap();
  }

  /** The number of slots grew. */
  clear(): void {
    this.#columns.clear();
    this.#nodeSelections.clear();
    this.#images.clear();
    this.#memos.clear();
    this.namespacesChanged();
  }

  #answersOf(selection: NodeSelection): Uint8Array {
    const known = this.#nodeSelections.get(selection.key);
    if (known) return known.answers;
    const answers = new Uint8Array(this.#source.capacity);
    this.#nodeSelections.set(selection.key, { selection, answers });
    return answers;
  }

  #answer(answers: Uint8Array, selection: NodeSelection, node: NodeInfo): boolean {
    let answer = answers[node.slot];
    if (answer === 0) {
      answer = selection.matches(node) ? 1 : 2;
      answers[node.slot] = answer;
    }
    return answer === 1;
  }
}

function matches(selection: PodSelection, group: LabelGroup, namespaceLabels: NamespaceLabels): boolean {
  return (selection.countsTerminating || !group.isTerminating) && selection.matches(group, namespaceLabels);
}

function lookForImage(column: ImageIndex, name: string, { slot, images }: NodeInfo): void {
  const image = images.find(({ names }) => names?.includes(name));
  column.nodeCount += (image ? 1 : 0) - (column.present[slot] ?? 0);
  column.present[slot] = image ? 1 : 0;
  if (image) column.sizeBytes = Math.max(column.sizeBytes, image.sizeBytes ?? 0);
}
