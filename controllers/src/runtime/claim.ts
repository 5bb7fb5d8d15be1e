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
  /** Children carry it as long as they belong to the owner. */
  readonly finalizer?: string;
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
      ...released.map((child) => release(child, childKind, owner)),
      ...adopted.map((child) => adopt(child, childKind, owner)),
    ],
  };
}

function adopt(child: KubeObject, kind: Kind, { kind: ownerKind, object, finalizer }: Claimant): Step {
  const ownerReferences = [...(child.metadata.ownerReferences ?? []), controllerReferenceTo(object)];
  const { finalizers = [] } = child.metadata;
  const needsFinalizer = finalizer !== undefined && !finalizers.includes(finalizer);
  const patch = {
    metadata: { ownerReferences, ...(needsFinalizer ? { finalizers: [...finalizers, finalizer] } : {}) },
  };
  return { op: 'patch', kind, target: child, patch, whileAlive: { kind: ownerKind, object } };
}

function release(child: KubeObject, kind: Kind, { object, finalizer }: Claimant): Step {
  const { ownerReferences = [], finalizers = [] } = child.metadata;
  const owners = ownerReferences.filter(({ uid }) => uid !== object.metadata.uid);
  const others = finalizers.filter((name) => name !== finalizer);
  const patch = {
    metadata: {
      ownerReferences: owners.length > 0 ? owners : null,
      ...(others.length < finalizers.length ? { finalizers: others.length > 0 ? others : null } : {}),
    },
  };
  return { op: 'patch', kind, target: child, patch };
}
