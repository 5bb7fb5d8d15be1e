import { scaledValue } from '@slipway/api/int-or-string';
import type { DaemonSet } from '@slipway/api/types';

/** What a rolling update may do, in nodes. One of the two is 0. */
export interface RollingBounds {
  readonly maxUnavailable: number;
  readonly maxSurge: number;
}

/** Undefined when pods of a former template are only replaced after somebody has deleted them. */
export function rollingBounds({ spec }: DaemonSet, desired: number): RollingBounds | undefined {
  const { type = 'RollingUpdate', rollingUpdate } = spec.updateStrategy ?? {};
  if (type !== 'RollingUpdate') return undefined;
  const maxSurge = scaledValue(rollingUpdate?.maxSurge ?? 0, desired, 'up') ?? 0;
  const maxUnavailable = scaledValue(rollingUpdate?.maxUnavailable ?? 1, desired, 'up') ?? 1;
  return { maxSurge, maxUnavailable: maxSurge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable };
}

/** Two pods of the set may be on one node for a while. */
export function allowsSurge(set: DaemonSet): boolean {
  return (rollingBounds(set, 100)?.maxSurge ?? 0) > 0;
}
