/** One node with the pods on it and what they use. Changed in place by the cluster state; a cycle only reads it. */
import type { ContainerImage, Node, Taint } from '@slipway/api/types';
import { type Amounts, AmountsSum, amountsFrom, noAmounts } from '../pods/amounts.ts';
import type { HostPort } from '../pods/demand.ts';
import type { SelectableNode } from '@slipway/api/node-selector';
import type { Labels } from '../pods/matchers.ts';
import type { PodInfo } from '../pods/pod-info.ts';

/** What of a node became different. */
export interface NodeChanges {
  readonly labels: boolean;
  readonly taints: boolean;
  readonly unschedulable: boolean;
  readonly allocatable: boolean;
  readonly images: boolean;
}

const noLabels: Labels = {};
const noTaints: readonly Taint[] = [];
const noImages: readonly ContainerImage[] = [];
const noNominated: readonly PodInfo[] = [];
const noPods = new Map<string, PodInfo>();

/** Of a trial: what is found out about it is not true of the node. */
export const noGeneration = -1;

export class NodeInfo implements SelectableNode {
  readonly name: string;
  /** Its place in everything that is kept per node. */
  readonly slot: number;
  /** False while only pods of the node are known. */
  exists = false;
  labels = noLabels;
  taints = noTaints;
  isUnschedulable = false;
  allocatable: Amounts = noAmounts;
  podsMax = 0;
  images = noImages;
  /** Pods that room was made for here. */
  nominated: readonly PodInfo[] = noNominated;

  /** Another with every change of the node or its pods, and never that of another node. A trial has `noGeneration`. */
  generation: number;
  readonly pods: ReadonlyMap<string, PodInfo>;
  requested = new AmountsSum();
  /** Thousandths of a core and bytes, with a bit for each container that asks for none. */
  assumedCpu = 0;
  assumedMemory = 0;
  podCount = 0;
  usedPorts: HostPort[] = [];
  readonly #pods: Map<string, PodInfo>;
  readonly #nextGeneration: () => number;

  /** `nextGeneration` counts up from 1 for all nodes of a cluster. */
  constructor(name: string, slot: number, nextGeneration: () => number, pods = new Map<string, PodInfo>()) {
    this.name = name;
    this.slot = slot;
    this.#nextGeneration = nextGeneration;
    this.generation = nextGeneration();
    this.#pods = pods;
    this.pods = pods;
  }

  /** Answers what differs, or undefined when nothing does that scheduling looks at. */
  setNode(node: Node | undefined): NodeChanges | undefined {
    const { labels, taints, isUnschedulable, allocatable, podsMax, images, exists } = this;
    this.exists = node !== undefined;
    this.labels = node?.metadata.labels ?? noLabels;
    this.taints = node?.spec.taints ?? noTaints;
    this.isUnschedulable = node?.spec.unschedulable ?? false;
    const room = node?.status?.allocatable ?? node?.status?.capacity;
    this.allocatable = amountsFrom(room);
    this.podsMax = room?.pods === undefined ? 0 : (amountsFrom({ count: room.pods }).others.get('count') ?? 0);
    this.images = node?.status?.images ?? noImages;
    const changes = {
      labels: !sameJson(labels, this.labels),
      taints: !sameJson(taints, this.taints),
      unschedulable: isUnschedulable !== this.isUnschedulable,
      allocatable: podsMax !== this.podsMax || !sameAmounts(allocatable, this.allocatable),
      images: !sameImages(images, this.images),
    };
    if (exists === this.exists && !Object.values(changes).some(Boolean)) return undefined;
    this.generation = this.#nextGeneration();
    return changes;
  }

  setNominated(pods: readonly PodInfo[]): void {
    this.nominated = pods;
    this.generation = this.#nextGeneration();
  }

  addPod(pod: PodInfo): void {
    this.generation = this.#nextGeneration();
    this.#pods.set(pod.uid, pod);
    this.count(pod, 1);
  }

  removePod(uid: string): PodInfo | undefined {
    const pod = this.#pods.get(uid);
    if (!pod) return undefined;
    this.generation = this.#nextGeneration();
    this.#pods.delete(uid);
    this.count(pod, -1);
    return pod;
  }

  /** Takes up or gives back what the pod uses, without listing it. */
  count({ demand }: PodInfo, by: 1 | -1): void {
    this.requested.add(demand.requests, by);
    this.assumedCpu += by * demand.assumedUse.cpu;
    this.assumedMemory += by * demand.assumedUse.memory;
    this.podCount += by;
    if (demand.hostPorts.length === 0) return;
    if (by === 1) this.usedPorts = [...this.usedPorts, ...demand.hostPorts];
    else for (const port of demand.hostPorts) this.usedPorts = withoutOne(this.usedPorts, port);
  }

  /** A copy to count other pods on. It lists no pods; the node stays as it is. */
  trial(): NodeInfo {
    const trial = new NodeInfo(this.name, this.slot, () => noGeneration, noPods);
    trial.exists = this.exists;
    trial.labels = this.labels;
    trial.taints = this.taints;
    trial.isUnschedulable = this.isUnschedulable;
    trial.allocatable = this.allocatable;
    trial.podsMax = this.podsMax;
    trial.images = this.images;
    trial.nominated = this.nominated;
    trial.requested = this.requested.copy();
    trial.assumedCpu = this.assumedCpu;
    trial.assumedMemory = this.assumedMemory;
    trial.podCount = this.podCount;
    trial.usedPorts = this.usedPorts;
    return trial;
  }
}

function withoutOne(ports: readonly HostPort[], port: HostPort): HostPort[] {
  const index = ports.findIndex(
    (used) => used.port === port.port && used.protocol === port.protocol && used.hostIp === port.hostIp,
  );
  return index < 0 ? [...ports] : ports.toSpliced(index, 1);
}

function sameJson(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function sameAmounts(a: Amounts, b: Amounts): boolean {
  if (a.cpu !== b.cpu || a.memory !== b.memory || a.ephemeralStorage !== b.ephemeralStorage) return false;
  if (a.others.size !== b.others.size) return false;
  for (const [name, amount] of a.others) if (b.others.get(name) !== amount) return false;
  return true;
}

/** Heartbeats repeat the whole list; comparing names is enough, since a name's size changes with its content. */
function sameImages(a: readonly ContainerImage[], b: readonly ContainerImage[]): boolean {
  return a.length === b.length && a.every((image, i) => sameJson(image, b[i]));
}
