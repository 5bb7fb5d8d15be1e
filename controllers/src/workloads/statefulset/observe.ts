import type { ControllerRevision, Pod, StatefulSet } from '@slipway/api/types';
import { keyFrom, kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { orphanIndex } from '../../runtime/owner.ts';
import type { FailedPods } from '../failed-pods.ts';
import { mayAdopt, revisionName } from '../revision-history.ts';
import type { Claims } from './claims.ts';
import { claimNames, ordinalOf } from './identity.ts';
import { ordinalsOf } from './ordinals.ts';

export interface ObservedStatefulSet {
  readonly set: StatefulSet;
  readonly pods: { readonly owned: readonly Pod[]; readonly orphans: readonly Pod[] };
  readonly revisions: {
    readonly owned: readonly ControllerRevision[];
    readonly orphans: readonly ControllerRevision[];
  };
  /** What already has the name that a revision of the current template would get. */
  readonly named: ControllerRevision | undefined;
  /** Ended pods by name: when they may be removed. */
  readonly removableMs: ReadonlyMap<string, number>;
  /** Those of all pods that there are and that there should be. */
  readonly claims: Claims;
}

export function observeStatefulSet(
  key: ObjectKey,
  caches: Caches,
  failures: FailedPods,
  nowMs: number,
): ObservedStatefulSet | undefined {
  const set = caches.get(kinds.statefulSets, key);
  if (!set) {
    failures.forget(key);
    return undefined;
  }
  const { namespace = '', uid = '' } = set.metadata;
  const owned = caches.ownedBy(kinds.pods, uid);
  const orphans = caches.byIndex(kinds.pods, orphanIndex, namespace).filter((pod) => ordinalOf(set, pod) !== undefined);
  return {
    set,
    pods: { owned, orphans },
    revisions: {
      owned: caches.ownedBy(kinds.controllerRevisions, uid),
      orphans: caches
        .byIndex(kinds.controllerRevisions, orphanIndex, namespace)
        .filter((revision) => mayAdopt(set, revision)),
    },
    named: caches.get(kinds.controllerRevisions, keyFrom({ namespace, name: revisionName(set) })),
    removableMs: failures.removableMs(key, owned, ({ metadata }) => metadata.name ?? '', nowMs),
    claims: observeClaims(set, [...owned, ...orphans], caches),
  };
}

function observeClaims(set: StatefulSet, pods: readonly Pod[], caches: Caches): Claims {
  if (!set.spec.volumeClaimTemplates?.length) return new Map();
  const ordinals = new Set([...ordinalsOf(set), ...pods.map((pod) => ordinalOf(set, pod))]);
  const { namespace } = set.metadata;
  const names = [...ordinals].flatMap((ordinal) => (ordinal === undefined ? [] : claimNames(set, ordinal)));
  return new Map(
    names.flatMap((name) => {
      const claim = caches.get(kinds.persistentVolumeClaims, keyFrom({ namespace, name }));
      return claim ? [[name, claim] as const] : [];
    }),
  );
}
