import type { Pod, ReplicaSet } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { controllerOf, orphanIndex } from '../../runtime/owner.ts';
import { isPodActive } from '../pod-readiness.ts';

export interface ObservedReplicaSet {
  readonly replicaSet: ReplicaSet;
  /** Pods with an owner reference to it. */
  readonly owned: readonly Pod[];
  /** Pods of its namespace that nobody controls. */
  readonly orphans: readonly Pod[];
  /** Active pods per node of all replica sets with the same controller; what the order of deletion asks for. */
  readonly podsOnNode: ReadonlyMap<string, number>;
}

export function observeReplicaSet(key: ObjectKey, caches: Caches): ObservedReplicaSet | undefined {
  const replicaSet = caches.get(kinds.replicaSets, key);
  if (!replicaSet) return undefined;
  const owned = caches.ownedBy(kinds.pods, replicaSet.metadata.uid ?? '');
  const orphans = caches.byIndex(kinds.pods, orphanIndex, replicaSet.metadata.namespace ?? '');
  const hasTooMany = owned.length + orphans.length > (replicaSet.spec.replicas ?? 1);
  return { replicaSet, owned, orphans, podsOnNode: hasTooMany ? countPodsOnNodes(replicaSet, owned, caches) : noPods };
}

const noPods: ReadonlyMap<string, number> = new Map();

function countPodsOnNodes(replicaSet: ReplicaSet, owned: readonly Pod[], caches: Caches): ReadonlyMap<string, number> {
  const controller = controllerOf(replicaSet);
  const siblings = controller
    ? caches.ownedBy(kinds.replicaSets, controller.uid).filter((sibling) => sibling !== replicaSet)
    : [];
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
