/**
 * The scheduler's view of the cluster: nodes with their pods, kept by changes, plus pods that were assumed onto a node
 * whose binding has not come back yet. An assumed pod counts like a bound one, so that the next cycle does not give
 * the same room away twice.
 *
 * Cycles run between changes and read it through `ClusterView`: it is the snapshot, and nothing is copied for it.
 */
import type { Namespace, Node } from '@slipway/api/types';
import { invariant } from '@slipway/kit/invariant';
import type { LabelGroup } from '../pods/label-group.ts';
import type { Labels } from '../pods/matchers.ts';
import type { PodInfo } from '../pods/pod-info.ts';
import type { AffinityTerm } from '../pods/pod-terms.ts';
import { HeldTerms } from './held-terms.ts';
import { Indexes } from './indexes.ts';
import { type NodeChanges, NodeInfo } from './node-info.ts';
import { inTurnByZone } from './node-order.ts';
import { Nominations } from './nominations.ts';
import { CountsByNode, type SlotCounts } from './slot-counts.ts';
import { noVolumes, type VolumeView } from './volume-view.ts';

/** What a cycle may look at. */
export interface ClusterView {
  /** Grows with every change: at one version the same question has the same answer. */
  readonly version: number;
  /** Nodes that exist, one of each zone in turn. */
  readonly nodes: readonly NodeInfo[];
  node(name: string): NodeInfo | undefined;
  /** What has the slot, also while only pods of it are known. */
  nodeAt(slot: number): NodeInfo | undefined;
  readonly indexes: Indexes;
  readonly nominations: Pick<Nominations, 'of' | 'guarded'>;
  /** Required terms by which running pods keep others away. */
  readonly antiAffinity: HeldTerms;
  /** Required and preferred terms by which running pods like others near or far. */
  readonly requiredAffinity: HeldTerms;
  readonly preferredAffinity: HeldTerms;
  siblingsOf(ownerUid: string): SlotCounts | undefined;
  /** Selectors of the namespace's services. */
  servicesOf(namespace: string): readonly Labels[];
  readonly namespaceLabels: (namespace: string) => Labels;
  readonly softTaintedNodes: number;
  readonly nodesWithImages: number;
  readonly volumes: VolumeView;
}

const slotsMin = 64;
const noLabels: Labels = {};

export class ClusterState implements ClusterView {
  readonly #nodes = new Map<string, NodeInfo>();
  readonly #bySlot: (NodeInfo | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  #slotsUsed = 0;
  #capacity = slotsMin;
  #version = 0;
  #generation = 0;
  #list: NodeInfo[] | undefined;
  /** Pod uid → where it is counted. */
  readonly #placed = new Map<string, NodeInfo>();
  readonly #groups = new CountsByNode<LabelGroup>();
  readonly #groupsByNamespace = new Map<string, Set<LabelGroup>>();
  readonly #owners = new CountsByNode<string>();
  readonly #namespaces = new Map<string, Labels>();
  readonly #services = new Map<string, Map<string, Labels>>();
  readonly nominations = new Nominations((nodeName) =>
    this.#nodes.get(nodeName)?.setNominated(this.nominations.on(nodeName)),
  );
  readonly antiAffinity = new HeldTerms();
  readonly requiredAffinity = new HeldTerms();
  readonly preferredAffinity = new HeldTerms();
  readonly indexes: Indexes;
  readonly volumes: VolumeView;
  softTaintedNodes = 0;
  nodesWithImages = 0;

  constructor(volumes: VolumeView = noVolumes) {
    this.volumes = volumes;
    const state = this;
    this.indexes = new Indexes({
      get capacity() {
        return state.#capacity;
      },
      get nodes() {
        return state.nodes;
      },
      groupCounts: this.#groups,
      groupsIn: (namespaces) => this.#groupsIn(namespaces),
      namespaceLabels: this.namespaceLabels,
    });
  }

  get version(): number {
    return this.#version + this.nominations.version;
  }

  get nodes(): readonly NodeInfo[] {
    this.#list ??= inTurnByZone([...this.#nodes.values()].filter(({ exists }) => exists));
    return this.#list;
  }

  get podCount(): number {
    return this.#placed.size;
  }

  node(name: string): NodeInfo | undefined {
    const info = this.#nodes.get(name);
    return info?.exists ? info : undefined;
  }

  nodeAt(slot: number): NodeInfo | undefined {
    return this.#bySlot[slot];
  }

  readonly namespaceLabels = (namespace: string): Labels => this.#namespaces.get(namespace) ?? noLabels;

  siblingsOf(ownerUid: string): SlotCounts | undefined {
    return this.#owners.of(ownerUid);
  }

  servicesOf(namespace: string): readonly Labels[] {
    return [...(this.#services.get(namespace)?.values() ?? [])];
  }

  placeOf(uid: string): { readonly pod: PodInfo; readonly node: NodeInfo } | undefined {
    const node = this.#placed.get(uid);
    const pod = node?.pods.get(uid);
    return node && pod && { pod, node };
  }

  /** Answers what differs; undefined when nothing does that scheduling looks at. */
  setNode(node: Node): { readonly info: NodeInfo; readonly isNew: boolean; readonly changes: NodeChanges } | undefined {
    const info = this.#infoOf(node.metadata.name ?? '');
    const isNew = !info.exists;
    const before = traitsOf(info);
    const changes = info.setNode(node);
    if (!changes) return undefined;
    this.#countTraits(before, info);
    if (isNew || changes.labels) this.#list = undefined;
    if (isNew || changes.labels) this.indexes.nodeChanged(info);
    if (changes.images) this.indexes.imagesChanged(info);
    this.#version++;
    return { info, isNew, changes };
  }

  removeNode(name: string): NodeInfo | undefined {
    const info = this.#nodes.get(name);
    if (!info) return undefined;
    const before = traitsOf(info);
    info.setNode(undefined);
    this.#countTraits(before, info);
    this.#list = undefined;
    this.indexes.nodeChanged(info);
    this.indexes.imagesChanged(info);
    this.#version++;
    this.#forgetIfEmpty(info);
    return info;
  }

  /** Counts the pod on the node; moves it when it was counted elsewhere or otherwise. */
  placePod(pod: PodInfo, nodeName: string): NodeInfo {
    this.removePod(pod.uid);
    const info = this.#infoOf(nodeName);
    info.addPod(pod);
    this.#placed.set(pod.uid, info);
    this.#count(pod, info.slot, 1);
    this.#version++;
    return info;
  }

  /** Answers where it was counted. */
  removePod(uid: string): { readonly pod: PodInfo; readonly node: NodeInfo } | undefined {
    const node = this.#placed.get(uid);
    const pod = node?.removePod(uid);
    if (!node || !pod) return undefined;
    this.#placed.delete(uid);
    this.#count(pod, node.slot, -1);
    this.#version++;
    this.#forgetIfEmpty(node);
    return { pod, node };
  }

  /** Answers whether the labels differ from what was known. */
  setNamespace(namespace: Namespace | undefined, name: string): boolean {
    const labels = namespace?.metadata.labels ?? noLabels;
    const before = this.#namespaces.get(name) ?? noLabels;
    if (namespace) this.#namespaces.set(name, labels);
    else this.#namespaces.delete(name);
    if (JSON.stringify(before) === JSON.stringify(labels)) return false;
    this.indexes.namespacesChanged();
    this.#version++;
    return true;
  }

  setService(namespace: string, name: string, selector: Labels | undefined): void {
    const services = this.#services.get(namespace) ?? new Map<string, Labels>();
    if (selector && Object.keys(selector).length > 0) services.set(name, selector);
    else services.delete(name);
    if (services.size > 0) this.#services.set(namespace, services);
    else this.#services.delete(namespace);
    this.#version++;
  }

  /** Something that `volumes` shows is different. */
  volumesChanged(): void {
    this.#version++;
  }

  #count(pod: PodInfo, slot: number, by: 1 | -1): void {
    const { group, demand, spreadOwner } = pod;
    // Before the group's own count changes: an index that is made now counts what is there.
    this.indexes.podCounted(group, slot, by);
    const presence = this.#groups.add(group, slot, by);
    if (presence !== 0) this.#listGroup(group, presence);
    if (spreadOwner !== undefined) this.#owners.add(spreadOwner, slot, by);
    const hold = (terms: HeldTerms, term: AffinityTerm) => terms.add(term, term, 1, slot, by);
    for (const term of demand.antiAffinity) hold(this.antiAffinity, term);
    for (const term of demand.affinity) hold(this.requiredAffinity, term);
    for (const held of demand.preferredAffinity) this.preferredAffinity.add(held, held.term, held.weight, slot, by);
  }

  #listGroup(group: LabelGroup, presence: 1 | -1): void {
    const groups = this.#groupsByNamespace.get(group.namespace) ?? new Set<LabelGroup>();
    if (presence === 1) groups.add(group);
    else groups.delete(group);
    if (groups.size > 0) this.#groupsByNamespace.set(group.namespace, groups);
    else this.#groupsByNamespace.delete(group.namespace);
  }

  *#groupsIn(namespaces: ReadonlySet<string> | undefined): Generator<LabelGroup> {
    for (const namespace of namespaces ?? this.#groupsByNamespace.keys())
      yield* this.#groupsByNamespace.get(namespace) ?? [];
  }

  #infoOf(name: string): NodeInfo {
    let info = this.#nodes.get(name);
    if (!info) {
      info = new NodeInfo(name, this.#takeSlot(), () => ++this.#generation);
      info.setNominated(this.nominations.on(name));
      this.#nodes.set(name, info);
      this.#bySlot[info.slot] = info;
    }
    return info;
  }

  #takeSlot(): number {
    const slot = this.#freeSlots.pop() ?? this.#slotsUsed++;
    if (slot >= this.#capacity) {
      this.#capacity *= 2;
      this.indexes.clear();
    }
    return slot;
  }

  #forgetIfEmpty(info: NodeInfo): void {
    if (info.exists || info.pods.size > 0) return;
    this.#nodes.delete(info.name);
    this.#bySlot[info.slot] = undefined;
    this.#freeSlots.push(info.slot);
    invariant(this.#freeSlots.length <= this.#slotsUsed, 'a slot was freed twice');
  }

  #countTraits(before: Traits, info: NodeInfo): void {
    const after = traitsOf(info);
    this.softTaintedNodes += after.softTaints - before.softTaints;
    this.nodesWithImages += after.images - before.images;
  }
}

interface Traits {
  readonly softTaints: 0 | 1;
  readonly images: 0 | 1;
}

function traitsOf({ taints, images }: NodeInfo): Traits {
  return {
    softTaints: taints.some(({ effect }) => effect === 'PreferNoSchedule') ? 1 : 0,
    images: images.length > 0 ? 1 : 0,
  };
}
