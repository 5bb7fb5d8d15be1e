import type { ObservedContainer } from './observed-pod.ts';

/**
 * Crash back-off without a counter in memory: each container carries the delay that applies after its own end, so the
 * delay survives a restart of the agent. The first restart is immediate, then 10 s, 20 s, ... up to 5 min; a container
 * that ran for twice the longest delay starts over.
 */
export const crashBackoff = { baseMs: 10_000, maxMs: 300_000, resetAfterMs: 600_000 } as const;

export interface NextAttempt {
  readonly attempt: number;
  readonly startAtMs: number;
  /** To be stored with the next container. */
  readonly backoffMs: number;
}

export function nextAttempt(last: ObservedContainer): NextAttempt {
  const attempt = last.attempt + 1;
  // 0 stands for "has not happened": a container that could not be started did not run.
  const finishedAtMs = last.finishedAtMs || last.createdAtMs;
  const ranMs = finishedAtMs - (last.startedAtMs || finishedAtMs);
  if (ranMs > crashBackoff.resetAfterMs) return { attempt, startAtMs: finishedAtMs, backoffMs: crashBackoff.baseMs };
  return {
    attempt,
    startAtMs: finishedAtMs + last.backoffMs,
    backoffMs: last.backoffMs === 0 ? crashBackoff.baseMs : Math.min(last.backoffMs * 2, crashBackoff.maxMs),
  };
}
