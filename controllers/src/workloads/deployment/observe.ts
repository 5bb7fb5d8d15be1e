import type { Deployment, Pod, ReplicaSet } from '@slipway/api/types';
import { keyFrom, kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { orphanIndex } from '../../runtime/owner.ts';
import { replicaSetName } from './replica-set-template.ts';

export interface ObservedDeployment {
  readonly deployment: Deployment;
  /** Replica sets with an owner reference to it. */
  readonly owned: readonly ReplicaSet[];
  /** Replica sets of its namespace that nobody controls. */
  readonly orphans: readonly ReplicaSet[];
  /** What already has the name that a replica set of the current template would get. */
  readonly named: ReplicaSet | undefined;
  /** Pods by the uid of their replica set; only read when the strategy is Recreate. */
  readonly podsOf: ReadonlyMap<string, readonly Pod[]>;
}

export function observeDeployment(key: ObjectKey, caches: Caches): ObservedDeployment | undefined {
  const deployment = caches.get(kinds.deployments, key);
  if (!deployment) return undefined;
  const { namespace, uid = '' } = deployment.metadata;
  const owned = caches.ownedBy(kinds.replicaSets, uid);
  const isRecreate = deployment.spec.strategy?.type === 'Recreate';
  const pods = (replicaSet: ReplicaSet) => caches.ownedBy(kinds.pods, replicaSet.metadata.uid ?? '');
  return {
    deployment,
    owned,
    orphans: caches.byIndex(kinds.replicaSets, orphanIndex, namespace ?? ''),
    named: caches.get(kinds.replicaSets, keyFrom({ namespace, name: replicaSetName(deployment) })),
    podsOf: new Map(isRecreate ? owned.map((rs) => [rs.metadata.uid ?? '', pods(rs)]) : []),
  };
}
