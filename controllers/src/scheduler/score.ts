import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

export interface Score {
  /** Upstream's plugin name. */
  readonly name: string;
  readonly weight: number;
  /**
   * Raw values for the nodes that fit, in their order; undefined when the score says nothing of this pod. They are
   * brought to 0 to 100 by `scale`.
   */
  score(pod: PodInfo, nodes: readonly NodeInfo[], all: readonly NodeInfo[]): number[] | undefined;
  /** 'asIs': already 0 to 100. 'highest': the highest becomes 100. 'lowest': the lowest becomes 100. */
  readonly scale: 'asIs' | 'highest' | 'lowest';
}
