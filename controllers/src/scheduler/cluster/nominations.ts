import type { PodInfo } from '../pods/pod-info.ts';

const none: readonly PodInfo[] = [];

/** Pods that wait for room that was made for them on a node. Others of no higher priority see that room as taken. */
export class Nominations {
  readonly #nodeOf = new Map<string, string>();
  readonly #podsOn = new Map<string, readonly PodInfo[]>();
  readonly #onChange: (nodeName: string) => void;
  #version = 0;
  #guarded = 0;

  constructor(onChange: (nodeName: string) => void) {
    this.#onChange = onChange;
  }

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
    return this.#podsOn.get(nodeName) ?? none;
  }

  of(uid: string): string | undefined {
    return this.#nodeOf.get(uid);
  }

  set(pod: PodInfo, nodeName: string): void {
    this.delete(pod.uid);
    this.#nodeOf.set(pod.uid, nodeName);
    if (isGuarded(pod)) this.#guarded++;
    this.#change(nodeName, [...this.on(nodeName), pod]);
  }

  /** Answers the node that the pod was nominated for. */
  delete(uid: string): string | undefined {
    const nodeName = this.#nodeOf.get(uid);
    if (nodeName === undefined) return undefined;
    this.#nodeOf.delete(uid);
    const pods = this.on(nodeName);
    if (pods.some((pod) => pod.uid === uid && isGuarded(pod))) this.#guarded--;
    this.#change(
      nodeName,
      pods.filter((pod) => pod.uid !== uid),
    );
    return nodeName;
  }

  #change(nodeName: string, pods: readonly PodInfo[]): void {
    if (pods.length > 0) this.#podsOn.set(nodeName, pods);
    else this.#podsOn.delete(nodeName);
    this.#version++;
    this.#onChange(nodeName);
  }
}

function isGuarded({ demand }: PodInfo): boolean {
  return demand.antiAffinity.length > 0;
}
