import type { ClusterView } from '../cluster/cluster-state.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { PendingPod, PodInfo } from '../pods/pod-info.ts';
import type { PluginArgs } from '../configuration/profile.ts';
import type { ClusterEvent } from '../queue/cluster-event.ts';

/** Why a node does not take a pod. `isResolvable` is false where no eviction on that node could ever help. */
export interface Rejection {
  readonly reasons: readonly string[];
  readonly isResolvable: boolean;
}

export function rejection(reason: string, isResolvable: boolean): Rejection {
  return { reasons: [reason], isResolvable };
}

/** One pod against many nodes, within one cycle. */
export interface NodeCheck {
  /** All reasons that this filter has against the node, or undefined when the pod fits. */
  reject(node: NodeInfo): Rejection | undefined;
  /**
   * Counts another pod as if it came to the node (1) or left it (-1); the opposite call undoes it. Only for what the
   * check itself counts over nodes; what the node counts is changed on a trial of the node.
   */
  shift?(other: PodInfo, node: NodeInfo, by: 1 | -1): void;
}

/** Nothing about any node will help: the pod itself lacks something. */
export interface Blocked {
  readonly blocked: string;
}

export interface Filter {
  /** Upstream's plugin name. */
  readonly name: string;
  /** Its answer depends on the node, the pod's demand and the profile alone: it is remembered as long as the node is as it was. */
  readonly isLocal: boolean;
  /** Looks once at the pod; undefined when the filter has nothing to say about it. */
  prepare(pod: PendingPod, cluster: ClusterView, args: PluginArgs): NodeCheck | Blocked | undefined;
  /** Whether the event may turn around a rejection of the pod by this filter. Called after the event was applied. */
  mayHelp(pod: PendingPod, event: ClusterEvent, cluster: ClusterView, args: PluginArgs): boolean;
}
