/**
 * The numbers of a rollout: from the sizes of the replica sets to their next sizes. Nothing here knows of the API; it
 * is the arithmetic that upstream's deployments follow, step by step.
 */
import type { Bounds } from './bounds.ts';

/** One replica set as the arithmetic sees it. */
export interface Sized {
  readonly id: string;
  /** Wanted pods (`spec.replicas`). */
  readonly size: number;
  /** Pods that are available (`status.availableReplicas`), of those that the size keeps. */
  readonly available: number;
  readonly createdMs: number;
  /** From the annotations: sizes of the deployment when this one was last scaled; undefined before the first time. */
  readonly desired: number | undefined;
  readonly max: number | undefined;
}

/** id → next size. What is missing stays as it is. */
export type Sizes = ReadonlyMap<string, number>;

export const noChange: Sizes = new Map();

const total = (sets: readonly Sized[]) => sets.reduce((sum, { size }) => sum + size, 0);

/** The size that the current replica set may have now, given what else runs. */
export function newSize(current: number, all: readonly Sized[], bounds: Bounds): number {
  const room = bounds.replicas + bounds.maxSurge - total(all);
  if (room <= 0) return current;
  return current + Math.min(room, bounds.replicas - current);
}

/** Scales the current replica set, when it has not the right size yet. */
export function scaleNew(current: Sized, all: readonly Sized[], bounds: Bounds): Sizes {
  const size = current.size > bounds.replicas ? bounds.replicas : newSize(current.size, all, bounds);
  return size === current.size ? noChange : new Map([[current.id, size]]);
}

/**
 * Scales the former replica sets down as far as enough pods stay available: first those that are not available anyway,
 * the oldest first, then others.
 */
export function scaleOldDown(old: readonly Sized[], current: Sized | undefined, bounds: Bounds): Sizes {
  if (total(old) === 0) return noChange;
  const currentSize = current?.size ?? 0;
  const currentAvailable = current?.available ?? 0;
  const minAvailable = bounds.replicas - bounds.maxUnavailable;
  const removable = total(old) + currentSize - minAvailable - (currentSize - currentAvailable);
  if (removable <= 0) return noChange;
  const oldestFirst = old.filter(({ size }) => size > 0).sort((a, b) => a.createdMs - b.createdMs);
  const sizes = new Map(oldestFirst.map(({ id, size }) => [id, size]));
  let left = removable;
  for (const { id, size, available } of oldestFirst) {
    const unhealthy = Math.min(left, size - available);
    if (unhealthy <= 0) continue;
    sizes.set(id, size - unhealthy);
    left -= unhealthy;
  }
  const available = old.reduce((sum, set) => sum + set.available, 0) + currentAvailable;
  let spare = available - minAvailable;
  for (const { id } of oldestFirst) {
    const size = sizes.get(id) ?? 0;
    const fewer = Math.min(size, spare);
    if (fewer <= 0) continue;
    sizes.set(id, size - fewer);
    spare -= fewer;
  }
  return changed(oldestFirst, sizes);
}

/**
 * After the deployment itself was scaled: one active replica set takes it all, a rollout in progress is scaled in
 * proportion, so that the same share of pods runs each template. Every active one is named, as its annotations change.
 */
export function scaleInProportion(
  sets: { readonly current: Sized | undefined; readonly old: readonly Sized[] },
  bounds: Bounds,
  isRolling: boolean,
): Sizes {
  const { current, old } = sets;
  const all = [...old, ...(current ? [current] : [])];
  const active = all.filter(({ size }) => size > 0);
  const only = active.length <= 1 ? (active[0] ?? current ?? newest(old)) : undefined;
  if (only) return new Map([[only.id, bounds.replicas]]);
  if (current && isSaturated(current, bounds)) {
    return new Map(old.filter(({ size }) => size > 0).map(({ id }) => [id, 0]));
  }
  if (!isRolling || active.length === 0) return noChange;
  return proportions(active, bounds);
}

function proportions(active: readonly Sized[], bounds: Bounds): Sizes {
  const allowed = bounds.replicas > 0 ? bounds.replicas + bounds.maxSurge : 0;
  const toAdd = allowed - total(active);
  const byAge = (a: Sized, b: Sized) => (toAdd > 0 ? b.createdMs - a.createdMs : a.createdMs - b.createdMs);
  const largestFirst = active.toSorted((a, b) => b.size - a.size || byAge(a, b));
  const sizes = new Map<string, number>();
  let added = 0;
  for (const set of largestFirst) {
    const share = toAdd === 0 ? 0 : shareOf(set, toAdd - added, bounds);
    sizes.set(set.id, set.size + share);
    added += share;
  }
  const [largest] = largestFirst;
  if (largest) sizes.set(largest.id, Math.max(0, (sizes.get(largest.id) ?? 0) + toAdd - added));
  return sizes;
}

/** What rounding leaves over goes to the largest, so a share never takes more than is left. */
function shareOf(set: Sized, left: number, bounds: Bounds): number {
  if (left === 0) return 0;
  const share = fractionOf(set, bounds);
  return left > 0 ? Math.max(0, Math.min(share, left)) : Math.min(0, Math.max(share, left));
}

function fractionOf(set: Sized, bounds: Bounds): number {
  if (bounds.replicas === 0) return -set.size;
  if (!set.max) return 0;
  return Math.round((set.size * (bounds.replicas + bounds.maxSurge)) / set.max) - set.size;
}

function isSaturated(current: Sized, { replicas }: Bounds): boolean {
  return current.size === replicas && current.desired === replicas && current.available === replicas;
}

function newest(sets: readonly Sized[]): Sized | undefined {
  return sets.toSorted((a, b) => b.createdMs - a.createdMs)[0];
}

function changed(sets: readonly Sized[], sizes: Sizes): Sizes {
  return new Map(
    sets.filter(({ id, size }) => sizes.get(id) !== size).map(({ id, size }) => [id, sizes.get(id) ?? size]),
  );
}
