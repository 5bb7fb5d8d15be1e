/** One node with the pods on it and what they use. Changed in place by the cluster state; a cycle only reads it. */
import type { Node } from '@slipway/api/types';
import { addAmounts, amounts, type HostPort, type PodInfo, type Resources } from './pod-info.ts';

export class NodeInfo {
  readonly name: string;
  readonly pods = new Map<string, PodInfo>();
  readonly requested = new Map<string, number>();
  readonly usedPorts: HostPort[] = [];
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
  }

  removePod(uid: string): void {
    const pod = this.pods.get(uid);
    if (!pod) return;
    this.pods.delete(uid);
    addAmounts(this.requested, pod.requests, -1);
    for (const port of pod.hostPorts) {
      const index = this.usedPorts.findIndex(
        (used) => used.port === port.port && used.protocol === port.protocol && used.hostIp === port.hostIp,
      );
      if (index >= 0) this.usedPorts.splice(index, 1);
    }
  }
}
