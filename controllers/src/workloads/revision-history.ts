/**
 * What StatefulSets and DaemonSets remember: each pod template that they had, as a ControllerRevision, numbered upwards.
 * An object that goes back to an earlier template gives that revision the highest number again. `kubectl rollout history`
 * and `undo` read them, so labels, annotations and data are as upstream writes them.
 */
import type { ControllerRevision, DaemonSet, PodTemplateSpec, StatefulSet } from '@slipway/api/types';
import { matcherOf } from '@slipway/api/selector';
import { type Kind, keyOf, kinds } from '@slipway/client/kinds';
import type { Caches } from '../runtime/caches.ts';
import { type Trigger, triggerOn } from '../runtime/controller-definition.ts';
import { controllerOf, controllerReferenceTo } from '../runtime/owner.ts';
import type { Step } from '../runtime/step.ts';
import { sameTemplate, templateHash } from './template-hash.ts';

/** On pods: the template that a pod was made from. A StatefulSet writes the revision's name, a DaemonSet its hash. */
export const revisionLabel = 'controller-revision-hash';

type Owner = StatefulSet | DaemonSet;

export interface History {
  /** The revision of the current template. It may be one that the steps make. */
  readonly update: ControllerRevision;
  /** All of them with `update`, the lowest first. */
  readonly revisions: readonly ControllerRevision[];
  readonly steps: readonly Step[];
}

/**
 * The history with the owner's current template in it; undefined when the name of its new revision is taken. Then the
 * owner's collision count is to grow, which gives another name.
 */
export function historyOf(
  owner: Owner,
  claimed: readonly ControllerRevision[],
  taken: ControllerRevision | undefined,
  hashLabel: string,
): History | undefined {
  const known = claimed.toSorted(byRevision);
  const next = (known.at(-1)?.revision ?? 0) + 1;
  const same = known.findLast((revision) => isOfTemplate(revision, owner.spec.template));
  if (same && same === known.at(-1)) return { update: same, revisions: known, steps: [] };
  if (same) {
    const update = { ...same, revision: next };
    const patch: Step = { op: 'patch', kind: kinds.controllerRevisions, target: same, patch: { revision: next } };
    return { update, revisions: [...known.filter((revision) => revision !== same), update], steps: [patch] };
  }
  if (taken) return undefined;
  const update = newRevision(owner, next, hashLabel);
  const create: Step = { op: 'create', kind: kinds.controllerRevisions, object: update };
  return { update, revisions: [...known, update], steps: [create] };
}

/** The name that a new revision of the current template gets. */
export function revisionName(owner: Owner): string {
  return `${namePrefix(owner)}${hashOf(owner)}`;
}

/** Wakes the owners of a kind when revisions change: their own, and ones without an owner that they may adopt. */
export function revisionTriggers(owners: Kind<StatefulSet> | Kind<DaemonSet>): readonly Trigger[] {
  const possibleOwners = (revision: ControllerRevision, caches: Caches) => {
    const { namespace = '', labels } = revision.metadata;
    if (controllerOf(revision)) return [];
    return caches
      .inNamespace(owners as Kind<Owner>, namespace)
      .filter((owner) => mayAdopt(owner, revision) && matcherOf(owner.spec.selector).matches(labels))
      .map(keyOf);
  };
  return [{ on: kinds.controllerRevisions, via: 'owner' }, triggerOn(kinds.controllerRevisions, possibleOwners)];
}

/** A revision's name begins with its owner's, which tells those of a StatefulSet and a DaemonSet with one selector apart. */
export function mayAdopt(owner: Owner, { metadata }: ControllerRevision): boolean {
  return metadata.name?.startsWith(namePrefix(owner)) ?? false;
}

/** The template that a revision remembers; undefined when it is not a revision of pods. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec | undefined {
  const { template } = (data as { spec?: { template?: object } } | undefined)?.spec ?? {};
  if (typeof template !== 'object' || template === null) return undefined;
  const { $patch: _, ...rest } = template as { $patch?: string };
  return rest as PodTemplateSpec;
}

/** Revisions beyond the limit that nothing uses, the oldest first. A negative limit keeps all. */
export function forgetOld(
  revisions: readonly ControllerRevision[],
  isUsed: (revision: ControllerRevision) => boolean,
  limit: number,
): Step[] {
  if (limit < 0) return [];
  const unused = revisions.filter((revision) => !isUsed(revision) && !revision.metadata.deletionTimestamp);
  return unused
    .slice(0, Math.max(0, unused.length - limit))
    .map((target) => ({ op: 'delete', kind: kinds.controllerRevisions, target }));
}

function isOfTemplate(revision: ControllerRevision, template: PodTemplateSpec): boolean {
  const remembered = templateOf(revision);
  return remembered !== undefined && sameTemplate(remembered, template);
}

function newRevision(owner: Owner, revision: number, hashLabel: string): ControllerRevision {
  const { metadata, spec } = owner;
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: revisionName(owner),
      ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
      labels: { ...spec.template.metadata?.labels, [hashLabel]: hashOf(owner) },
      ...(metadata.annotations ? { annotations: metadata.annotations } : {}),
      ownerReferences: [controllerReferenceTo(owner)],
    },
    // A strategic merge patch: what `kubectl rollout undo` sends as it is. kubectl compares it by its text, so keys are sorted.
    data: { spec: { template: sorted({ ...spec.template, $patch: 'replace' }) } },
    revision,
  };
}

/** A revision's name is a label's value on the pods of a StatefulSet: at most 63 characters, of which the hash takes 10. */
const nameLengthMax = 52;

function namePrefix({ metadata }: Owner): string {
  return `${(metadata.name ?? '').slice(0, nameLengthMax)}-`;
}

function hashOf({ spec, status }: Owner): string {
  return templateHash(spec.template, status?.collisionCount || undefined);
}

/** Of two with one number the older comes last: a copy that appears does not become the one that pods should have. */
function byRevision(a: ControllerRevision, b: ControllerRevision): number {
  if (a.revision !== b.revision) return a.revision - b.revision;
  const byTime = Date.parse(b.metadata.creationTimestamp ?? '') - Date.parse(a.metadata.creationTimestamp ?? '');
  return byTime || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? 1 : -1);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, part]) => [key, sorted(part)]));
}
