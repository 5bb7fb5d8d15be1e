/**
 * Who is a peer, kept up change by change. Pods with the same namespace and labels are one group, and selectors are asked about
 * groups: of ten thousand pods there may be a hundred groups. A pod that comes or goes in a known group costs as much as the group
 * has sets; a new group asks only those selectors that have a label of its own as their anchor (see `anchorsOf`).
 */
import type { Labels } from '@slipway/api/selector';
import type { Namespace, Pod } from '@slipway/api/types';
import { keyOf } from '@slipway/client/kinds';
import type { WatchTarget } from '@slipway/client/watcher';
import { type NamedPort, type PeerPod, peerPodFrom } from './peer-pod.ts';
import { anchorsOf, anchorsOfGroup } from './selector-anchors.ts';
import type { PeerSelector } from './peer-selector.ts';
import { type MemberSet, portElement } from './ruleset.ts';

interface Group {
  readonly key: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly pods: Set<Peer>;
  readonly selections: Set<Selection>;
}

interface Peer {
  readonly group: Group;
  readonly ips: readonly string[];
  readonly ports: readonly NamedPort[];
}

interface Selection {
  readonly selector: PeerSelector;
  readonly groups: Set<Group>;
  /** By name. */
  readonly sets: Map<string, Members>;
}

/** The elements of a set, with how many pods have each: for a moment two may have one address. */
interface Members {
  readonly set: MemberSet;
  readonly counts: Map<string, number>;
}

/** Set → element → whether it came or went. */
export type MemberChanges = ReadonlyMap<string, ReadonlyMap<string, boolean>>;

export class PeerIndex {
  readonly #peers = new Map<string, Peer>();
  readonly #groups = new Map<string, Group>();
  readonly #groupsIn = new Map<string, Set<Group>>();
  readonly #namespaces = new Map<string, Labels>();
  readonly #selections = new Map<string, Selection>();
  readonly #anchored = new Map<string, Set<Selection>>();
  readonly #sets = new Map<string, Selection>();
  readonly #ports = new Map<string, readonly NamedPort[]>();
  readonly #onChange: () => void;
  #changes = new Map<string, Map<string, boolean>>();
  #hasPods = false;
  #hasNamespaces = false;

  /** `onChange` hears that there is something to drain, or that the first lists are in. */
  constructor(onChange: () => void = () => {}) {
    this.#onChange = onChange;
  }

  get isSynced(): boolean {
    return this.#hasPods && this.#hasNamespaces;
  }

  readonly pods: WatchTarget<Pod> = {
    replace: (pods) => {
      const keys = new Set(pods.map(keyOf));
      for (const key of [...this.#peers.keys()]) if (!keys.has(key)) this.#putPod(key, undefined);
      for (const pod of pods) this.#putPod(keyOf(pod), peerPodFrom(pod));
      this.#hasPods = true;
      this.#onChange();
    },
    apply: (updates) => {
      for (const { object, gone } of updates) this.#putPod(keyOf(object), gone ? undefined : peerPodFrom(object));
      this.#onChange();
    },
  };

  readonly namespaces: WatchTarget<Namespace> = {
    replace: (namespaces) => {
      const names = new Set(namespaces.map(keyOf));
      for (const name of [...this.#namespaces.keys()]) if (!names.has(name)) this.#putNamespace(name, undefined);
      for (const { metadata } of namespaces) this.#putNamespace(metadata.name ?? '', metadata.labels ?? {});
      this.#hasNamespaces = true;
      this.#onChange();
    },
    apply: (updates) => {
      for (const { object, gone } of updates) {
        this.#putNamespace(keyOf(object), gone ? undefined : (object.metadata.labels ?? {}));
      }
      this.#onChange();
    },
  };

  /** From now on exactly these sets are kept. */
  keep(sets: ReadonlyMap<string, MemberSet>): void {
    for (const name of [...this.#sets.keys()]) if (!sets.has(name)) this.#forgetSet(name);
    for (const set of sets.values()) if (!this.#sets.has(set.name)) this.#addSet(set);
  }

  /** What belongs into a kept set. */
  elements(set: string): ReadonlySet<string> {
    return new Set(this.#sets.get(set)?.sets.get(set)?.counts.keys());
  }

  /** What has changed in kept sets since the last call. A set kept since then has changed as a whole. */
  drain(): MemberChanges {
    const changes = this.#changes;
    this.#changes = new Map();
    return changes;
  }

  get hasChanges(): boolean {
    return this.#changes.size > 0;
  }

  /** Nobody is known any more, until both lists come in again. */
  forgetPeers(): void {
    for (const key of [...this.#peers.keys()]) this.#putPod(key, undefined);
    this.#namespaces.clear();
    this.#ports.clear();
    this.#hasPods = false;
    this.#hasNamespaces = false;
  }

  #putPod(key: string, pod: PeerPod | undefined): void {
    const before = this.#peers.get(key);
    const group = pod && pod.ips.length > 0 ? this.#group(pod.namespace, pod.labels) : undefined;
    if (before && group === before.group && pod && isSameReach(before, pod)) return;
    if (before) {
      this.#peers.delete(key);
      before.group.pods.delete(before);
      for (const selection of before.group.selections) this.#count(selection, before, -1);
    }
    if (group && pod) {
      const peer = { group, ips: pod.ips, ports: this.#sharedPorts(pod.ports) };
      this.#peers.set(key, peer);
      group.pods.add(peer);
      for (const selection of group.selections) this.#count(selection, peer, 1);
    }
    if (before?.group.pods.size === 0) this.#forgetGroup(before.group);
  }

  #putNamespace(name: string, labels: Labels | undefined): void {
    if (labels) this.#namespaces.set(name, labels);
    else this.#namespaces.delete(name);
    for (const group of this.#groupsIn.get(name) ?? []) this.#select(group);
  }

  #group(namespace: string, labels: Labels): Group {
    const key = `${namespace} ${JSON.stringify(Object.entries(labels).sort(byName))}`;
    const known = this.#groups.get(key);
    if (known) return known;
    const group: Group = { key, namespace, labels, pods: new Set(), selections: new Set() };
    this.#groups.set(key, group);
    addTo(this.#groupsIn, namespace, group);
    this.#select(group);
    return group;
  }

  #forgetGroup(group: Group): void {
    this.#groups.delete(group.key);
    removeFrom(this.#groupsIn, group.namespace, group);
    for (const selection of group.selections) selection.groups.delete(group);
  }

  /** Asks the selectors anew that may mean the group. */
  #select(group: Group): void {
    const candidates = new Set(group.selections);
    for (const anchor of anchorsOfGroup(group, this.#namespaces.get(group.namespace))) {
      for (const selection of this.#anchored.get(anchor) ?? []) candidates.add(selection);
    }
    for (const selection of candidates) this.#file(group, selection, this.#isSelected(group, selection.selector));
  }

  #isSelected({ namespace, labels }: Group, selector: PeerSelector): boolean {
    if (selector.namespaces === undefined) return selector.namespace === namespace && selector.pods.matches(labels);
    const ofNamespace = this.#namespaces.get(namespace);
    return ofNamespace !== undefined && selector.namespaces.matches(ofNamespace) && selector.pods.matches(labels);
  }

  #file(group: Group, selection: Selection, isSelected: boolean): void {
    if (isSelected === group.selections.has(selection)) return;
    if (isSelected) {
      group.selections.add(selection);
      selection.groups.add(group);
    } else {
      group.selections.delete(selection);
      selection.groups.delete(group);
    }
    for (const peer of group.pods) this.#count(selection, peer, isSelected ? 1 : -1);
  }

  #addSet(set: MemberSet): void {
    const members: Members = { set, counts: new Map() };
    const { selector } = set;
    let selection = this.#selections.get(selector.key);
    this.#changes.set(set.name, new Map());
    if (selection) {
      selection.sets.set(set.name, members);
      for (const group of selection.groups) for (const peer of group.pods) this.#countIn(members, peer, 1);
    } else {
      selection = { selector, groups: new Set(), sets: new Map([[set.name, members]]) };
      this.#selections.set(selector.key, selection);
      for (const anchor of anchorsOf(selector)) addTo(this.#anchored, anchor, selection);
      const groups =
        selector.namespace === undefined ? this.#groups.values() : (this.#groupsIn.get(selector.namespace) ?? []);
      for (const group of groups) if (this.#isSelected(group, selector)) this.#file(group, selection, true);
    }
    this.#sets.set(set.name, selection);
  }

  #forgetSet(name: string): void {
    const selection = this.#sets.get(name);
    this.#sets.delete(name);
    this.#changes.delete(name);
    selection?.sets.delete(name);
    if (!selection || selection.sets.size > 0) return;
    this.#selections.delete(selection.selector.key);
    for (const anchor of anchorsOf(selection.selector)) removeFrom(this.#anchored, anchor, selection);
    for (const group of selection.groups) group.selections.delete(selection);
  }

  #count(selection: Selection, peer: Peer, by: 1 | -1): void {
    for (const members of selection.sets.values()) this.#countIn(members, peer, by);
  }

  #countIn({ set, counts }: Members, peer: Peer, by: 1 | -1): void {
    for (const element of elementsOf(peer, set)) {
      const before = counts.get(element) ?? 0;
      const after = before + by;
      if (after === 0) counts.delete(element);
      else counts.set(element, after);
      if (before === 0 || after === 0) this.#note(set.name, element, before === 0);
    }
  }

  /** What comes and goes between two drains is no change. */
  #note(set: string, element: string, hasCome: boolean): void {
    const changes = this.#changes.get(set) ?? new Map<string, boolean>();
    this.#changes.set(set, changes);
    if (changes.get(element) === !hasCome) changes.delete(element);
    else changes.set(element, hasCome);
  }

  #sharedPorts(ports: readonly NamedPort[]): readonly NamedPort[] {
    const text = JSON.stringify(ports);
    const known = this.#ports.get(text);
    if (known) return known;
    if (this.#ports.size === sharedPortsMax) this.#ports.clear();
    this.#ports.set(text, ports);
    return ports;
  }
}

/** Lists of ports that are kept once for all pods that have them. */
const sharedPortsMax = 1024;

function elementsOf({ ips, ports }: Peer, { family, port: wanted }: MemberSet): readonly string[] {
  const addresses = ips.filter((ip) => ip.includes(':') === (family === 6));
  if (!wanted) return addresses;
  const numbers = ports.filter(({ name, protocol }) => name === wanted.name && protocol === wanted.protocol);
  const elements = addresses.flatMap((ip) => numbers.map(({ protocol, port }) => portElement(ip, protocol, port)));
  return elements.length > 1 ? [...new Set(elements)] : elements;
}

function isSameReach(peer: Peer, { ips, ports }: PeerPod): boolean {
  return (
    peer.ips.length === ips.length &&
    peer.ips.every((ip, i) => ip === ips[i]) &&
    peer.ports.length === ports.length &&
    peer.ports.every((port, i) => {
      const other = ports[i];
      return other?.name === port.name && other.protocol === port.protocol && other.port === port.port;
    })
  );
}

function byName([one]: readonly [string, string], [other]: readonly [string, string]): number {
  return one < other ? -1 : 1;
}

function addTo<T>(index: Map<string, Set<T>>, key: string, value: T): void {
  const filed = index.get(key);
  if (filed) filed.add(value);
  else index.set(key, new Set([value]));
}

function removeFrom<T>(index: Map<string, Set<T>>, key: string, value: T): void {
  const filed = index.get(key);
  filed?.delete(value);
  if (filed?.size === 0) index.delete(key);
}
