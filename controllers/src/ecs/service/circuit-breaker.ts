import type { DeploymentCircuitBreaker } from '@slipway/api/ecs/generated/types';

const percentDefault = 50;
const bounded = { least: 3, most: 200 } as const;

/** How many failures in a row end a deployment. Undefined when nothing does. */
export function thresholdOf(breaker: DeploymentCircuitBreaker | undefined, desired: number): number | undefined {
  if (!breaker?.enable) return undefined;
  const { type = 'BOUNDED_PERCENT', value = percentDefault } = breaker.thresholdConfiguration ?? {};
  if (type === 'COUNT') return value;
  const part = Math.max(1, Math.ceil((desired * value) / 100));
  return type === 'UNBOUNDED_PERCENT' ? part : Math.min(Math.max(part, bounded.least), bounded.most);
}

const patience = { free: 3, baseMs: 10_000, maxMs: 900_000 } as const;

/** After failures in a row the next start waits, ever longer. */
export function restartDelayMs(failures: number): number {
  if (failures < patience.free) return 0;
  return Math.min(patience.baseMs * 2 ** (failures - patience.free), patience.maxMs);
}
