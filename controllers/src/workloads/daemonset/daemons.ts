import type { DaemonSet, Pod } from '@slipway/api/types';
import { availableInMs, isPodFinished, isPodReady } from '../pod-readiness.ts';
import { hashOf, nodeOf } from './daemon-pod.ts';
import type { Eligibility } from './node-rules.ts';

/** A node that the set wants, or that has a pod of it. */
export interface DaemonNode {
  readonly name: string;
  /** Undefined when there is no such node. */
  readonly eligibility: Eligibility | undefined;
  /** Oldest first, with those on their way out, without ended ones that are on their way out: those no longer count. */
  readonly pods: readonly Pod[];
}

/** The pods of a set by node, and what the set's plan asks of them. */
export class Daemons {
  readonly nodes: readonly DaemonNode[];
  readonly set: DaemonSet;
  /** Marks pods of the current template. */
  readonly hash: string;
  readonly #nowMs: number;

  constructor(
    set: DaemonSet,
    hash: string,
    found: { readonly nodes: ReadonlyMap<string, Eligibility>; readonly pods: readonly Pod[] },
    nowMs: number,
  ) {
    this.set = set;
    this.hash = hash;
    this.#nowMs = nowMs;
    const byNode = groupByNode(found.pods);
    const wanted = [...found.nodes].filter(([name, eligibility]) => eligibility === 'runs' || byNode.has(name));
    const lost = [...byNode.keys()].filter((name) => !found.nodes.has(name));
    this.nodes = [...wanted.map(([name]) => name), ...lost].map((name) => ({
      name,
      eligibility: found.nodes.get(name),
      pods: byNode.get(name) ?? [],
    }));
  }

  get desired(): number {
    return this.nodes.filter(({ eligibility }) => eligibility === 'runs').length;
  }

  isCurrent(pod: Pod): boolean {
    return hashOf(pod) === this.hash;
  }

  isReady(pod: Pod): boolean {
    return isPodReady(pod);
  }

  isAvailable(pod: Pod): boolean {
    return availableInMs(pod, this.set.spec.minReadySeconds ?? 0, this.#nowMs) === 0;
  }
}

function groupByNode(pods: readonly Pod[]): ReadonlyMap<string, readonly Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    const node = nodeOf(pod);
    if (node === undefined || (isPodFinished(pod) && pod.metadata.deletionTimestamp)) continue;
    const known = byNode.get(node);
    if (known) known.push(pod);
    else byNode.set(node, [pod]);
  }
  for (const some of byNode.values()) if (some.length > 1) some.sort(oldestFirst);
  return byNode;
}

/** Pods that have their node before those that only ask for it. */
function oldestFirst(a: Pod, b: Pod): number {
  const byNode = Number(!a.spec.nodeName) - Number(!b.spec.nodeName);
  const byAge = Date.parse(a.metadata.creationTimestamp ?? '') - Date.parse(b.metadata.creationTimestamp ?? '');
  return byNode || byAge || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
}
