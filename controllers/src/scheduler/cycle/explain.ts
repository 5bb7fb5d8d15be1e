/** Why a pod stays pending, in upstream's words. */
import type { Rejection } from './filter.ts';

/** Counts rejections over nodes. Neighbours mostly have the same, shared one, so counting is one addition per node. */
export class RejectionCount {
  readonly #counts = new Map<Rejection, number>();
  #last: Rejection | undefined;
  #run = 0;

  add(rejection: Rejection, times = 1): void {
    if (rejection !== this.#last) this.#endRun(rejection);
    this.#run += times;
  }

  #endRun(next: Rejection | undefined): void {
    if (this.#last) this.#counts.set(this.#last, (this.#counts.get(this.#last) ?? 0) + this.#run);
    this.#last = next;
    this.#run = 0;
  }

  /** `0/5 nodes are available: 2 Insufficient cpu, 3 Too many pods.` */
  explain(nodeCount: number): string {
    this.#endRun(undefined);
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
