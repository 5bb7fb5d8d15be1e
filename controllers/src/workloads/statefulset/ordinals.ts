import { scaledValue } from '@slipway/api/int-or-string';
import type { Pod, StatefulSet } from '@slipway/api/types';
import { ordinalOf } from './identity.ts';

/** A place of the set, and the pod that is in it. */
export interface Slot {
  readonly ordinal: number;
  readonly pod: Pod | undefined;
}

export interface Places {
  /** One for each replica that is wanted, the lowest ordinal first. */
  readonly slots: readonly Slot[];
  /** Pods that the set has no place for, the highest ordinal first: they go in this order. */
  readonly surplus: readonly (Slot & { readonly pod: Pod })[];
}

export function ordinalsOf({ spec }: StatefulSet): readonly number[] {
  const start = spec.ordinals?.start ?? 0;
  return Array.from({ length: spec.replicas ?? 1 }, (_, i) => start + i);
}

export function placesOf(set: StatefulSet, pods: readonly Pod[]): Places {
  const byOrdinal = new Map<number, Pod>();
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod);
  }
  const slots = ordinalsOf(set).map((ordinal) => ({ ordinal, pod: byOrdinal.get(ordinal) }));
  for (const { ordinal } of slots) byOrdinal.delete(ordinal);
  const surplus = [...byOrdinal].map(([ordinal, pod]) => ({ ordinal, pod }));
  return { slots, surplus: surplus.sort((a, b) => b.ordinal - a.ordinal) };
}

/** How templates reach pods; undefined when pods are only replaced after somebody has deleted them. */
export function rollingBounds({ spec }: StatefulSet): RollingBounds | undefined {
  const { type = 'RollingUpdate', rollingUpdate } = spec.updateStrategy ?? {};
  if (type === 'OnDelete') return undefined;
  const replicas = spec.replicas ?? 1;
  const unavailable = scaledValue(rollingUpdate?.maxUnavailable ?? 1, replicas, 'up') ?? 1;
  return {
    firstUpdated: (spec.ordinals?.start ?? 0) + (rollingUpdate?.partition ?? 0),
    maxUnavailable: Math.max(1, unavailable),
  };
}

export interface RollingBounds {
  /** Pods of lower ordinals keep the former template: the partition. */
  readonly firstUpdated: number;
  /** Pods of the whole set that may be unavailable for the sake of an update. */
  readonly maxUnavailable: number;
}
