import type { PodInfo } from '../pods/pod-info.ts';

const none: readonly PodInfo[] = [];

/** Pods that wait for room that was made for them on a node. Others of no higher priority see that room as taken. */
export class Nominations {
  readonly #nodeOf = new Map<string, string>();
  readonly #podsOn = new Map<string, Map<string, PodInfo>>();
  #version = 0;
  #guarded = 0;

  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#nodeOf.size;
  }

  /** How many of them keep others away by anti-affinity. */
  get guarded(): number {
    return this.#guarded;
  }

  on(nodeName: string): readonly PodInfo[] {
    const pods = this.#podsOn.get(nodeName);
    return pods ? [...pods.values()] : none;
  }

  of(uid: string): string | undefined {
    return this.#nodeOf.get(uid);
  }

  set(pod: PodInfo, nodeName: string): void {
    this.delete(pod.uid);
    if (pod.demand.antiAffinity.length > 0) this.#guarded++;
    this.#nodeOf.set(pod.uid, nodeName);
    const pods = this.#podsOn.get(nodeName);
    if (pods) pods.set(pod.uid, pod);
    else this.#podsOn.set(nodeName, new Map([[pod.uid, pod]]));
    this.#version++;
  }

  /** Answers the node that the pod was nominated for. */
  delete(uid: string): string | undefined {
    const nodeName = this.#nodeOf.get(uid);
    if (nodeName === undefined) return undefined;
    this.#nodeOf.delete(uid);
    const pods = this.#podsOn.get(nodeName);
    if ((pods?.get(uid)?.demand.antiAffinity.length ?? 0) > 0) this.#guarded--;
    pods?.delete(uid);
    if (pods?.size === 0) this.#podsOn.delete(nodeName);
    this.#version++;
    return nodeName;
  }
}
