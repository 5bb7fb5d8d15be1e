import type { Labels } from './matchers.ts';

/**
 * Pods that no selector can tell apart: one namespace, equal labels, all of them terminating or none. Counting by group
 * makes "how many pods match here" a question about a few groups and not about all pods.
 */
export interface LabelGroup {
  /** Names it among the groups of one reader. */
  readonly id: number;
  readonly namespace: string;
  readonly labels: Labels;
  readonly isTerminating: boolean;
}
