import type { Pod } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { controllerOf, orphanIndex } from '../../runtime/owner.ts';
import { isPodActive } from '../pod-readiness.ts';
import type { ReplicasKind, ReplicasOwner } from './replicas-kind.ts';

export interface ObservedReplicas<Owner extends ReplicasOwner = ReplicasOwner> {
  readonly owner: Owner;
  /** Pods with an owner reference to it. */
  readonly owned: readonly Pod[];
  /** Pods of its namespace that nobody controls. */
  readonly orphans: readonly Pod[];
  /** Active pods per node of all owners with the same controller; what the order of deletion asks for. */
  readonly podsOnNode: ReadonlyMap<string, number>;
}

export function observeReplicas<Owner extends ReplicasOwner>(
  of: ReplicasKind<Owner>,
  key: ObjectKey,
  caches: Caches,
): ObservedReplicas<Owner> | undefined {
  const owner = caches.get(of.kind, key);
  if (!owner) return undefined;
  const owned = caches.ownedBy(kinds.pods, owner.metadata.uid ?? '');
  const orphans = caches.byIndex(kinds.pods, orphanIndex, owner.metadata.namespace ?? '');
  const hasTooMany = owned.length + orphans.length > (owner.spec.replicas ?? 1);
  return { owner, owned, orphans, podsOnNode: hasTooMany ? countPodsOnNodes(of, owner, owned, caches) : noPods };
}

const noPods: ReadonlyMap<string, number> = new Map();

function countPodsOnNodes<Owner extends ReplicasOwner>(
  of: ReplicasKind<Owner>,
  owner: Owner,
  owned: readonly Pod[],
  caches: Caches,
): ReadonlyMap<string, number> {
  const controller = controllerOf(owner);
  const siblings = controller ? caches.ownedBy(of.kind, controller.uid).filter((sibling) => sibling !== owner) : [];
  const counts = new Map<string, number>();
  const count = (pods: readonly Pod[]) => {
    for (const pod of pods) {
      const node = pod.spec.nodeName ?? '';
      if (isPodActive(pod)) counts.set(node, (counts.get(node) ?? 0) + 1);
    }
  };
  count(owned);
  for (const sibling of siblings) count(caches.ownedBy(kinds.pods, sibling.metadata.uid ?? ''));
  return counts;
}
