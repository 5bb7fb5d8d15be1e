/** One node with the pods on it and what they use. Changed in place by the cluster state; a cycle only reads it. */
import type { Node } from '@slipway/api/types';
import { addAmounts, amounts, type HostPort, type PodInfo, type Resources } from './pod-info.ts';

export class NodeInfo {
  readonly name: string;
  readonly pods = new Map<string, PodInfo>();
  readonly requested = new Map<string, number>();
  readonly usedPorts: HostPort[] = [];
  /** Pods by the uid of their controlling owner. */
  readonly siblings = new Map<string, number>();
  /** Pods that keep others away. Most nodes have none, and the check of them is then free. */
  antiAffinityPods = 0;
  #node: Node | undefined;
  #allocatable: Resources = new Map();
  #images: ReadonlyMap<string, number> = new Map();

  constructor(name: string) {
    this.name = name;
  }

  /** Undefined while only pods of the node are known. */
  get node(): Node | undefined {
    return this.#node;
  }

  get allocatable(): Resources {
    return this.#allocatable;
  }

  /** Sizes in bytes by image name. */
  get images(): ReadonlyMap<string, number> {
    return this.#images;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.#node?.metadata.labels ?? {};
  }

  setNode(node: Node | undefined): void {
    this.#node = node;
    this.#allocatable = amounts(node?.status?.allocatable ?? node?.status?.capacity);
    this.#images = new Map(
      (node?.status?.images ?? []).flatMap((image) =>
        (image.names ?? []).map((name) => [name, image.sizeBytes ?? 0] as const),
      ),
    );
  }

  addPod(pod: PodInfo): void {
    this.removePod(pod.uid);
    this.pods.set(pod.uid, pod);
    addAmounts(this.requested, pod.requests);
    this.usedPorts.push(...pod.hostPorts);
    this.#count(pod, 1);
  }

  removePod(uid: string): void {
    const pod = this.pods.get(uid);
    if (!pod) return;
    this.pods.delete(uid);
    addAmounts(this.requested, pod.requests, -1);
    this.#count(pod, -1);
    for (const port of pod.hostPorts) {
      const index = this.usedPorts.findIndex(
        (used) => used.port === port.port && used.protocol === port.protocol && used.hostIp === port.hostIp,
      );
      if (index >= 0) this.usedPorts.splice(index, 1);
    }
  }

  #count(pod: PodInfo, change: 1 | -1): void {
    if (pod.antiAffinity.length > 0) this.antiAffinityPods += change;
    if (pod.ownerUid === undefined) return;
    const count = (this.siblings.get(pod.ownerUid) ?? 0) + change;
    if (count > 0) this.siblings.set(pod.ownerUid, count);
    else this.siblings.delete(pod.ownerUid);
  }
}
