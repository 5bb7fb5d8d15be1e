/**
 * Which children belong to an owner. Those with its controller reference stay as long as its selector matches them and
 * are released when it no longer does; matching ones without a controller are adopted. An owner that is being deleted
 * neither adopts nor releases.
 */
import type { LabelMatcher } from '@slipway/api/selector';
import type { KubeObject } from '@slipway/api/types';
import type { Kind } from '@slipway/client/kinds';
import { controllerReferenceTo, isControlledBy } from './owner.ts';
import type { Step } from './step.ts';

export interface Claim<T> {
  /** Owned, with those that the steps adopt and without those that they release. */
  readonly claimed: readonly T[];
  readonly steps: readonly Step[];
}

export interface Claimant {
  readonly kind: Kind;
  readonly object: KubeObject;
  readonly matcher: LabelMatcher;
}

export function claimChildren<T extends KubeObject>(
  owner: Claimant,
  childKind: Kind,
  children: { readonly owned: readonly T[]; readonly orphans: readonly T[] },
): Claim<T> {
  const { object, matcher } = owner;
  const isLeaving = object.metadata.deletionTimestamp !== undefined;
  const matches = (child: T) => matcher.matches(child.metadata.labels);
  const owned = children.owned.filter((child) => isControlledBy(child, object));
  const kept = owned.filter(matches);
  if (isLeaving) return { claimed: kept, steps: [] };
  const released = owned.filter((child) => !matches(child));
  const adopted = children.orphans.filter((child) => matches(child) && !child.metadata.deletionTimestamp);
  return {
    claimed: [...kept, ...adopted],
    steps: [
      ...released.map((child) => release(child, childKind, object)),
      ...adopted.map((child) => adopt(child, childKind, owner)),
    ],
  };
}

function adopt(child: KubeObject, kind: Kind, owner: Claimant): Step {
  const ownerReferences = [...(child.metadata.ownerReferences ?? []), controllerReferenceTo(owner.object)];
  const patch = { metadata: { ownerReferences } };
  return { op: 'patch', kind, target: child, patch, whileAlive: { kind: owner.kind, object: owner.object } };
}

function release(child: KubeObject, kind: Kind, owner: KubeObject): Step {
  const rest = (child.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata.uid);
  const patch = { metadata: { ownerReferences: rest.length > 0 ? rest : null } };
  return { op: 'patch', kind, target: child, patch };
}
