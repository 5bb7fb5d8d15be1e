/**
 * Nodes may refuse what the scheduler gives them: one that has less than it promises refuses every pod, at once. Whoever then makes a new
 * pod for each that was refused fills the cluster with failed pods as fast as it can. So each round of refusals makes the next one
 * wait twice as long. The failed pods themselves are the memory: it outlives the process, and is as long as the time below.
 */
import type { Pod } from '@slipway/api/types';

const firstMs = 1000;
const maxMs = 5 * 60_000;
const rememberedMs = 10 * 60_000;

/** Milliseconds until new pods may be made; 0 when nothing speaks against them. */
export function refusedForMs(owned: readonly Pod[], replicas: number, nowMs: number): number {
  let count = 0;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const pod of owned) {
    if (!isRefused(pod)) continue;
    const madeMs = Date.parse(pod.metadata.creationTimestamp ?? '');
    if (!(nowMs - madeMs < rememberedMs)) continue;
    count++;
    lastMs = Math.max(lastMs, madeMs);
  }
  if (count === 0) return 0;
  const rounds = Math.ceil(count / Math.max(1, replicas));
  return Math.max(0, lastMs + Math.min(maxMs, firstMs * 2 ** (rounds - 1)) - nowMs);
}

/** Failed with a reason before any of its containers was there. What ran and was evicted is replaced at once. */
function isRefused({ status }: Pod): boolean {
  return (
    status?.phase === 'Failed' && !!status.reason && status.reason !== 'Evicted' && !status.containerStatuses?.length
  );
}
