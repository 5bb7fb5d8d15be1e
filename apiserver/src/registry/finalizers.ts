/**
 * What a delete asks for and what then has to be written, as upstream's registry decides it. Pure.
 *
 * An object goes at once unless something holds it: its finalizers (those that the delete itself adds for the garbage collector
 * included), finalizers of its kind (`spec.finalizers` of a Namespace), or a grace period. While held it carries deletionTimestamp.
 */
import type { KubeObject, ObjectMeta } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly orphanDependents?: boolean;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

/** Kept until the garbage collector has deleted the dependents. */
export const foregroundFinalizer = 'foregroundDeletion';
/** Kept until the garbage collector has taken the owner out of the dependents. */
export const orphanFinalizer = 'orphan';

export type Deletion =
  /** Nothing holds it. */
  | { readonly step: 'remove' }
  /** Write the draft; the object stays. */
  | { readonly step: 'mark'; readonly metadata: ObjectMeta }
  /** Write the draft, then remove the object. */
  | { readonly step: 'markAndRemove'; readonly metadata: ObjectMeta }
  /** It is on its way already, and this delete does not shorten it. */
  | { readonly step: 'wait' };

export interface DeletionRules {
  /** Seconds of grace for an object that is not in deletion yet; 0 for kinds that know none. */
  readonly graceSeconds: number;
  readonly knowsGrace: boolean;
  readonly defaultPropagation: 'Background' | 'Foreground' | 'Orphan';
  /** Held by finalizers outside the metadata. */
  readonly isHeld: boolean;
}

export function planDeletion(
  object: KubeObject,
  options: DeleteOptions,
  rules: DeletionRules,
  nowMs: number,
): Deletion {
  const old = object.metadata;
  const grace = planGrace(old, options, rules, nowMs);
  if (grace === 'pending') return { step: 'wait' };
  const finalizers = finalizersFor(old, options, rules);
  const isHeld = finalizers.length > 0 || rules.isHeld;
  const changed = !sameNames(finalizers, old.finalizers ?? []);
  if (!grace && !isHeld && !changed) return { step: 'remove' };
  const metadata: ObjectMeta = { ...old };
  if (finalizers.length > 0) metadata.finalizers = [...finalizers];
  else delete metadata.finalizers;
  if (grace) {
    metadata.deletionTimestamp = grace.deletionTimestamp;
    metadata.deletionGracePeriodSeconds = grace.seconds;
  }
  if (isHeld) {
    metadata.deletionTimestamp ??= formatTime(nowMs);
    metadata.deletionGracePeriodSeconds ??= 0;
  }
  if (old.deletionTimestamp === undefined && metadata.deletionTimestamp !== undefined && (old.generation ?? 0) > 0) {
    metadata.generation = (old.generation ?? 0) + 1;
  }
  const stays = isHeld || (grace !== undefined && grace.seconds > 0);
  if (stays) return { step: sameMark(metadata, old) ? 'wait' : 'mark', metadata };
  return grace ? { step: 'markAndRemove', metadata } : { step: 'remove' };
}

type Grace = { readonly seconds: number; readonly deletionTimestamp: string };

/** Undefined = no grace is involved. A deletion that is under way can only be shortened. */
function planGrace(
  old: ObjectMeta,
  options: DeleteOptions,
  rules: DeletionRules,
  nowMs: number,
): Grace | 'pending' | undefined {
  if (!rules.knowsGrace) return undefined;
  if (old.deletionTimestamp === undefined) {
    const seconds = rules.graceSeconds;
    return { seconds, deletionTimestamp: formatTime(nowMs + seconds * 1000) };
  }
  const before = old.deletionGracePeriodSeconds;
  if (before === undefined) return undefined;
  const asked = options.gracePeriodSeconds;
  if (asked === undefined || asked >= before) return before === 0 && !old.finalizers?.length ? undefined : 'pending';
  const startedMs = Date.parse(old.deletionTimestamp) - before * 1000;
  return { seconds: asked, deletionTimestamp: formatTime(startedMs + asked * 1000) };
}

function finalizersFor(old: ObjectMeta, options: DeleteOptions, rules: DeletionRules): readonly string[] {
  const others = (old.finalizers ?? []).filter((name) => name !== orphanFinalizer && name !== foregroundFinalizer);
  const policy = propagationOf(old, options, rules);
  if (policy === 'Orphan') return [...others, orphanFinalizer];
  if (policy === 'Foreground') return [...others, foregroundFinalizer];
  return others;
}

/** What is asked for now, else what was asked for before, else the kind's own. */
function propagationOf(old: ObjectMeta, options: DeleteOptions, rules: DeletionRules) {
  if (options.orphanDependents !== undefined) return options.orphanDependents ? 'Orphan' : 'Background';
  if (options.propagationPolicy) return options.propagationPolicy;
  if (old.finalizers?.includes(orphanFinalizer)) return 'Orphan';
  if (old.finalizers?.includes(foregroundFinalizer)) return 'Foreground';
  return rules.defaultPropagation;
}

/** An update that takes the last hold off an object in deletion removes it. */
export function endsDeletion(draft: KubeObject, old: KubeObject, isHeld: boolean): boolean {
  if (old.metadata.deletionTimestamp === undefined) return false;
  if ((draft.metadata.finalizers?.length ?? 0) > 0 || isHeld) return false;
  return (old.metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

function sameMark(one: ObjectMeta, other: ObjectMeta): boolean {
  return (
    one.deletionTimestamp === other.deletionTimestamp &&
    one.deletionGracePeriodSeconds === other.deletionGracePeriodSeconds &&
    sameNames(one.finalizers ?? [], other.finalizers ?? [])
  );
}

function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name) => other.includes(name));
}
