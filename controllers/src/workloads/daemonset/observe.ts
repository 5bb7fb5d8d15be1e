import type { ControllerRevision, DaemonSet, Pod } from '@slipway/api/types';
import { keyFrom, kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { orphanIndex } from '../../runtime/owner.ts';
import { mayAdopt, revisionName } from '../revision-history.ts';
import { nodeOf } from './daemon-pod.ts';
import type { FailedPods } from '../failed-pods.ts';
import type { Eligibility, NodeRules } from './node-rules.ts';

export interface ObservedDaemonSet {
  readonly set: DaemonSet;
  /** Every node of the cluster. */
  readonly nodes: ReadonlyMap<string, Eligibility>;
  readonly pods: { readonly owned: readonly Pod[]; readonly orphans: readonly Pod[] };
  readonly revisions: {
    readonly owned: readonly ControllerRevision[];
    readonly orphans: readonly ControllerRevision[];
  };
  /** What already has the name that a revision of the current template would get. */
  readonly named: ControllerRevision | undefined;
  /** Ended pods by name: when they may be removed. */
  readonly removableMs: ReadonlyMap<string, number>;
}

/** What a controller remembers between two looks. */
export interface DaemonMemory {
  readonly rules: NodeRules;
  readonly failures: FailedPods;
}

export function observeDaemonSet(
  key: ObjectKey,
  caches: Caches,
  { rules, failures }: DaemonMemory,
  nowMs: number,
): ObservedDaemonSet | undefined {
  const set = caches.get(kinds.daemonSets, key);
  if (!set) {
    failures.forget(key);
    return undefined;
  }
  const { namespace = '', uid = '' } = set.metadata;
  const owned = caches.ownedBy(kinds.pods, uid);
  const eligibility = rules.of(set);
  return {
    set,
    nodes: new Map(caches.list(kinds.nodes).map((node) => [node.metadata.name ?? '', eligibility(node)])),
    pods: { owned, orphans: caches.byIndex(kinds.pods, orphanIndex, namespace) },
    revisions: {
      owned: caches.ownedBy(kinds.controllerRevisions, uid),
      orphans: caches
        .byIndex(kinds.controllerRevisions, orphanIndex, namespace)
        .filter((revision) => mayAdopt(set, revision)),
    },
    named: caches.get(kinds.controllerRevisions, keyFrom({ namespace, name: revisionName(set) })),
    removableMs: failures.removableMs(key, owned, (pod) => nodeOf(pod) ?? '', nowMs),
  };
}
