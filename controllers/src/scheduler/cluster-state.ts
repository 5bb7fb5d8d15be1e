/**
 * The scheduler's view of the cluster: nodes with their pods, kept by events, plus pods that were assumed onto a node
 * whose binding has not come back yet. An assumed pod counts like a bound one, so that the next cycle does not give
 * the same room away twice.
 */
import type { Node } from '@slipway/api/types';
import { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

export class ClusterState {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Pod uid → name of the node where it is counted. */
  readonly #placed = new Map<string, string>();
  #list: NodeInfo[] | undefined;

  /** Nodes that exist, in order of their names' arrival. Do not keep it across a change. */
  get nodes(): readonly NodeInfo[] {
    this.#list ??= [...this.#nodes.values()].filter((info) => info.node !== undefined);
    return this.#list;
  }

  setNode(node: Node): void {
    this.#info(node.metadata.name ?? '').setNode(node);
    this.#list = undefined;
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (!info) return;
    info.setNode(undefined);
    if (info.pods.size === 0) this.#nodes.delete(name);
    this.#list = undefined;
  }

  /** Counts the pod on the node; moves it when it was counted elsewhere. */
  placePod(pod: PodInfo, nodeName: string): void {
    const before = this.#placed.get(pod.uid);
    if (before !== undefined && before !== nodeName) this.removePod(pod.uid);
    this.#info(nodeName).addPod(pod);
    this.#placed.set(pod.uid, nodeName);
  }

  /** Answers whether the pod was counted anywhere, which is whether room became free. */
  removePod(uid: string): boolean {
    const nodeName = this.#placed.get(uid);
    if (nodeName === undefined) return false;
    this.#placed.delete(uid);
    const info = this.#nodes.get(nodeName);
    info?.removePod(uid);
    if (info && info.node === undefined && info.pods.size === 0) this.#nodes.delete(nodeName);
    return true;
  }

  #info(name: string): NodeInfo {
    let info = this.#nodes.get(name);
    if (!info) {
      info = new NodeInfo(name);
      this.#nodes.set(name, info);
      this.#list = undefined;
    }
    return info;
  }
}
