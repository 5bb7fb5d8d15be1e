import type { ClusterView } from '../cluster/cluster-state.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { PluginArgs } from '../configuration/profile.ts';
import type { PendingPod } from '../pods/pod-info.ts';

export interface Contest {
  readonly pod: PendingPod;
  readonly cluster: ClusterView;
  /** The nodes that fit. */
  readonly feasible: readonly NodeInfo[];
  readonly args: PluginArgs;
}

export const scoreMax = 100;

/** Points that depend on the node, the pod's demand and the profile alone: they are remembered as long as the node is as it was. */
export interface LocalScore {
  /** Upstream's plugin name. */
  readonly name: string;
  readonly isLocal: true;
  /** Answers whole numbers of 0 to 100; undefined when all nodes are alike to it. */
  prepare(pod: PendingPod, args: PluginArgs): ((node: NodeInfo) => number) | undefined;
}

/** Points that depend on the other nodes, or on pods elsewhere. */
export interface ContestScore {
  readonly name: string;
  readonly isLocal: false;
  /**
   * Writes a whole number of 0 to 100 for each feasible node into `out`, which is all zero before. Answers false when
   * all nodes are alike to it.
   */
  score(contest: Contest, out: Float64Array): boolean;
}

export type Score = LocalScore | ContestScore;

/** The highest becomes 100, the others in proportion; `reverse`: the highest becomes 0. */
export function scaleToHighest(out: Float64Array, reverse: boolean): void {
  let highest = 0;
  for (const value of out) if (value > highest) highest = value;
  for (let i = 0; i < out.length; i++) {
    const scaled = highest === 0 ? 0 : Math.floor(((out[i] ?? 0) * scoreMax) / highest);
    out[i] = reverse ? scoreMax - scaled : scaled;
  }
}
