/** Why a pod stays pending, in upstream's words. */
import type { Rejection } from './filter.ts';

/** Counts rejections over nodes. The usual ones are shared objects, so counting is one addition per node. */
export class RejectionCount {
  readonly #counts = new Map<Rejection, number>();

  add(rejection: Rejection, times = 1): void {
    this.#counts.set(rejection, (this.#counts.get(rejection) ?? 0) + times);
  }

  /** `0/5 nodes are available: 2 Insufficient cpu, 3 Too many pods.` */
  explain(nodeCount: number): string {
    const reasons = new Map<string, number>();
    for (const [rejection, count] of this.#counts) {
      for (const reason of rejection.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + count);
    }
    const counted = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
    return explanationOf(nodeCount, counted.join(', '));
  }
}

export function explanationOf(nodeCount: number, reason: string): string {
  return `0/${nodeCount} nodes are available: ${reason}.`;
}

export const noNodes = 'no nodes available to schedule pods';
