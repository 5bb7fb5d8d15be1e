import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

/** Why a node does not take a pod. `resolvable` is false where no eviction on that node could ever help. */
export interface Rejection {
  readonly reason: string;
  readonly resolvable: boolean;
}

/** Answers undefined when the node fits, otherwise all reasons that this filter has against it. */
export type NodeCheck = (node: NodeInfo) => readonly Rejection[] | undefined;

/** What may have to change before a rejected pod fits; decides which pods a cluster event wakes. */
export type ClusterChange = 'nodeAdded' | 'nodeChanged' | 'podRemoved' | 'podPlaced';

export interface Filter {
  /** Upstream's plugin name. */
  readonly name: string;
  readonly wokenBy: readonly ClusterChange[];
  /** Prepares the check of one pod against many nodes; undefined when the filter has nothing to say of this pod. */
  prepare(pod: PodInfo, nodes: readonly NodeInfo[]): NodeCheck | undefined;
}
