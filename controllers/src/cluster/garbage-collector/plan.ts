/**
 * What becomes of an object for the sake of its owners and dependents. Deleting an owner takes its dependents along:
 *
 * - background: the owner goes at once, its dependents follow when they are found to have no owner left;
 * - foreground: the owner stays, with a finalizer, until all dependents that block it are gone;
 * - orphan: the owner stays, with a finalizer, until no dependent refers to it.
 */
import type { KubeObject, OwnerReference } from '@slipway/api/types';
import type { Kind } from '@slipway/client/kinds';
import type { Step } from '../../runtime/step.ts';

export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

/** `solid`: there, or not known to be gone. `absent`: gone for certain. `waiting`: is being deleted in the foreground. */
export type OwnerState = 'solid' | 'absent' | 'waiting';

export interface Located {
  readonly kind: Kind;
  readonly object: KubeObject;
}

export interface ObservedNode extends Located {
  readonly owners: readonly { readonly ref: OwnerReference; readonly state: OwnerState }[];
  /** Objects with an owner reference to this one. */
  readonly dependents: readonly Located[];
}

export function planCollection({ kind, object, owners, dependents }: ObservedNode): Step[] {
  if (object.metadata.deletionTimestamp) return planLeaving({ kind, object }, dependents);
  if (owners.length === 0) return [];
  const solid = owners.filter(({ state }) => state === 'solid');
  const lost = owners.filter(({ state }) => state !== 'solid');
  if (lost.length === 0) return [];
  if (solid.length > 0) return [dropReferences({ kind, object }, new Set(lost.map(({ ref }) => ref.uid)))];
  const isWaitedFor = lost.some(({ state }) => state === 'waiting') && dependents.length > 0;
  const unblock = isWaitedFor && dependents.some((dependent) => isLeavingInForeground(dependent.object));
  return [
    // Two that wait for each other would wait for ever.
    ...(unblock ? [unblockOwners({ kind, object })] : []),
    {
      op: 'delete',
      kind,
      target: object,
      propagation: isWaitedFor ? 'Foreground' : policyOf(object),
      // After a patch of our own the version is another.
      ifUnchanged: !unblock,
    },
  ];
}

export function isLeavingInForeground({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers?.includes(foregroundFinalizer) ?? false);
}

function planLeaving(node: Located, dependents: readonly Located[]): Step[] {
  const { finalizers = [], uid = '' } = node.object.metadata;
  if (finalizers.includes(orphanFinalizer)) {
    const others = dependents.filter(({ object }) => object.metadata.uid !== uid);
    const referring = others.map((dependent) => dropReferences(dependent, new Set([uid])));
    return [...referring, ...(referring.length === 0 ? [dropFinalizer(node, orphanFinalizer)] : [])];
  }
  if (!finalizers.includes(foregroundFinalizer)) return [];
  // What names itself as its owner would wait for itself.
  const blocking = dependents.some(
    ({ object }) =>
      object.metadata.uid !== uid &&
      object.metadata.ownerReferences?.some((ref) => ref.uid === uid && ref.blockOwnerDeletion),
  );
  return blocking ? [] : [dropFinalizer(node, foregroundFinalizer)];
}

function policyOf({ metadata }: KubeObject): 'Background' | 'Foreground' | 'Orphan' {
  if (metadata.finalizers?.includes(orphanFinalizer)) return 'Orphan';
  return metadata.finalizers?.includes(foregroundFinalizer) ? 'Foreground' : 'Background';
}

function dropReferences({ kind, object }: Located, uids: ReadonlySet<string>): Step {
  const rest = (object.metadata.ownerReferences ?? []).filter(({ uid }) => !uids.has(uid));
  const patch = { metadata: { ownerReferences: rest.length > 0 ? rest : null } };
  return { op: 'patch', kind, target: object, patch };
}

function unblockOwners({ kind, object }: Located): Step {
  const ownerReferences = (object.metadata.ownerReferences ?? []).map((ref) => ({ ...ref, blockOwnerDeletion: false }));
  return { op: 'patch', kind, target: object, patch: { metadata: { ownerReferences } } };
}

function dropFinalizer({ kind, object }: Located, finalizer: string): Step {
  const rest = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer);
  const patch = { metadata: { finalizers: rest.length > 0 ? rest : null } };
  return { op: 'patch', kind, target: object, patch };
}
