/**
 * When a failed daemon pod may be removed. Its successor meets the same node and may fail as fast, so each failure of a
 * DaemonSet on a node makes the next one wait twice as long. Lost with the process: it then begins anew.
 */
const firstMs = 1000;
const maxMs = 15 * 60_000;

interface Failure {
  readonly uid: string;
  /** When this pod may be removed. */
  readonly removableMs: number;
  /** What the next one will wait. */
  readonly nextMs: number;
}

export class FailedPods {
  readonly #bySet = new Map<string, Map<string, Failure>>();

  /** When the failed pod `uid` of a set may be removed from its node. The first may at once. */
  removableMs(set: string, node: string, uid: string, nowMs: number): number {
    const failures = this.#bySet.get(set) ?? new Map<string, Failure>();
    this.#bySet.set(set, failures);
    const last = failures.get(node);
    if (last?.uid === uid) return last.removableMs;
    // After a long time without a failure the node is forgiven.
    const isForgiven = !last || nowMs - last.removableMs > 2 * maxMs;
    const failure = isForgiven
      ? { uid, removableMs: nowMs, nextMs: firstMs }
      : {
          uid,
          removableMs: Math.max(nowMs, last.removableMs + last.nextMs),
          nextMs: Math.min(maxMs, last.nextMs * 2),
        };
    failures.set(node, failure);
    return failure.removableMs;
  }

  forget(set: string): void {
    this.#bySet.delete(set);
  }
}
