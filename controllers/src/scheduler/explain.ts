/** Why a pod stays pending, in upstream's words. */
import type { Rejection } from './filter.ts';

export interface Explanation {
  readonly message: string;
  /** Names of the filters that rejected; they decide what may help. */
  readonly filters: ReadonlySet<string>;
}

/** Counts reasons over nodes while a cycle runs. */
export class RejectionCount {
  readonly #reasons = new Map<string, number>();
  readonly #filters = new Set<string>();
  #unresolvable = 0;
  #resolvable = 0;

  add(filter: string, rejections: readonly Rejection[]): void {
    this.#filters.add(filter);
    for (const { reason } of rejections) this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    if (rejections.some((rejection) => !rejection.resolvable)) this.#unresolvable++;
    else this.#resolvable++;
  }

  explain(nodeCount: number): Explanation {
    if (nodeCount === 0) return { message: 'no nodes available to schedule pods', filters: new Set(['nodes']) };
    const reasons = [...this.#reasons].map(([reason, count]) => `${count} ${reason}`).sort();
    const preemption: string[] = [];
    if (this.#resolvable > 0) preemption.push(`${this.#resolvable} No preemption victims found for incoming pod`);
    if (this.#unresolvable > 0) preemption.push(`${this.#unresolvable} Preemption is not helpful for scheduling`);
    return {
      message:
        `0/${nodeCount} nodes are available: ${reasons.join(', ')}. ` +
        `preemption: 0/${nodeCount} nodes are available: ${preemption.join(', ')}.`,
      filters: this.#filters,
    };
  }
}
