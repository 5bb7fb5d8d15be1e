import { scaledValue } from '@slipway/api/int-or-string';
import type { Deployment } from '@slipway/api/types';

/** What a deployment promises while it changes, in pods. */
export interface Bounds {
  readonly replicas: number;
  /** Pods that may exist beyond `replicas`. */
  readonly maxSurge: number;
  /** Of `replicas`, how many may be unavailable. */
  readonly maxUnavailable: number;
}

export function boundsOf({ spec }: Deployment): Bounds {
  const replicas = spec.replicas ?? 1;
  if (!isRollingUpdate(spec)) return { replicas, maxSurge: 0, maxUnavailable: 0 };
  const { maxSurge = '25%', maxUnavailable = '25%' } = spec.strategy?.rollingUpdate ?? {};
  const surge = scaledValue(maxSurge, replicas, 'up') ?? 0;
  const unavailable = scaledValue(maxUnavailable, replicas, 'down') ?? 0;
  // Both may round to nothing, which would leave no room to move.
  const room = surge === 0 && unavailable === 0 ? 1 : unavailable;
  return { replicas, maxSurge: surge, maxUnavailable: Math.min(room, replicas) };
}

export function isRollingUpdate(spec: Deployment['spec']): boolean {
  return (spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
}

/** Written for "no limit" and "no deadline". */
const unlimited = 2 ** 31 - 1;

export function progressDeadlineMs({ spec }: Deployment): number | undefined {
  const seconds = spec.progressDeadlineSeconds ?? 600;
  return seconds === unlimited ? undefined : seconds * 1000;
}

export function revisionHistoryLimit({ spec }: Deployment): number {
  return spec.revisionHistoryLimit ?? 10;
}
