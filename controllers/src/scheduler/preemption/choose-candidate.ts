import type { NodeInfo } from '../cluster/node-info.ts';
import type { PodInfo } from '../pods/pod-info.ts';

/** A node that would take the pod once the victims are gone. */
export interface Candidate {
  readonly node: NodeInfo;
  /** The most important first. Never empty. */
  readonly victims: readonly PodInfo[];
  /** Victims whose budget allows no more disruption. */
  readonly violations: number;
}

/** Makes every priority positive, so that fewer victims are better also where priorities are negative. */
const priorityOffset = 2 ** 31;

/** Smaller is better, the first that differs decides. Upstream's order. */
const criteria: readonly ((candidate: Candidate) => number)[] = [
  ({ violations }) => violations,
  ({ victims }) => victims[0]?.demand.priority ?? 0,
  ({ victims }) => victims.reduce((sum, { demand }) => sum + demand.priority + priorityOffset, 0),
  ({ victims }) => victims.length,
  ({ victims }) => -earliestOfHighest(victims),
];

/** When the oldest of the most important victims began: a node whose victims ran for a shorter time loses less. */
function earliestOfHighest(victims: readonly PodInfo[]): number {
  const highest = victims[0]?.demand.priority;
  const starts = victims.filter(({ demand }) => demand.priority === highest).map(({ sinceMs }) => sinceMs);
  return Math.min(...starts);
}

export function chooseCandidate(candidates: readonly Candidate[]): Candidate | undefined {
  let left = candidates;
  for (const criterion of criteria) {
    if (left.length <= 1) break;
    const values = left.map(criterion);
    const smallest = Math.min(...values);
    left = left.filter((_, i) => values[i] === smallest);
  }
  return left[0];
}
