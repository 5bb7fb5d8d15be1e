/** What scheduling keeps of a pod: little, and shared where pods are alike. No reference to the pod's object. */
import type { Pod } from '@slipway/api/types';
import { type Demand, demandFrom, demandKeyOf } from './demand.ts';
import type { LabelGroup } from './label-group.ts';

export interface PodInfo {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly demand: Demand;
  readonly group: LabelGroup;
  /** Uid of the controlling owner of a kind whose pods are spread by default; see `scores/default-spread.ts`. */
  readonly spreadOwner: string | undefined;
  /** When it began to run, or was made: of two pods of equal priority the older is the more important. */
  readonly sinceMs: number;
  /** On its way out because the scheduler made room for another. */
  readonly isPreempted: boolean;
}

/** What is known of a pod only while it waits for a node. */
export interface PendingPod extends PodInfo {
  readonly resourceVersion: string | undefined;
  readonly generation: number | undefined;
  readonly nominatedNode: string | undefined;
  readonly claims: readonly PodClaim[];
}

/** A PersistentVolumeClaim that the pod mounts. */
export interface PodClaim {
  readonly name: string;
  /** Made for the pod by another controller. */
  readonly isEphemeral: boolean;
}

export function keyOfPod(pod: Pick<PodInfo, 'namespace' | 'name'>): string {
  return `${pod.namespace}/${pod.name}`;
}

/** Pods that ask the same and look the same get the same answer from the same cluster. */
export function likenessOf({ demand, group, claims, namespace }: PendingPod): string {
  const plain = `${demand.id}/${group.id}`;
  return claims.length === 0 ? plain : `${plain}/${namespace}/${claims.map(({ name }) => name)}`;
}

/** Kinds of owners that upstream derives a default spreading from. */
const spreadOwners: ReadonlySet<string> = new Set(['ReplicaSet', 'ReplicationController', 'StatefulSet']);

/** A full memo is emptied rather than searched for what to drop: its entries are only shared, not identities. */
const memoLimit = 8192;

/** Makes the lean forms, sharing what is equal. */
export class PodReader {
  readonly #demands = new Map<string, Demand>();
  readonly #groups = new Map<string, LabelGroup>();
  #made = 0;

  /** The form of a pod that has a node. */
  placed(pod: Pod): PodInfo {
    const { metadata, status } = pod;
    const isTerminating = metadata.deletionTimestamp !== undefined;
    return {
      uid: metadata.uid ?? '',
      namespace: metadata.namespace ?? '',
      name: metadata.name ?? '',
      demand: this.#demandOf(pod),
      group: this.#groupOf(pod, isTerminating),
      spreadOwner: spreadOwnerOf(pod),
      sinceMs: Date.parse(status?.startTime ?? metadata.creationTimestamp ?? '') || 0,
      isPreempted: isTerminating && isPreempted(pod),
    };
  }

  /** The form of a pod that wants a node. */
  pending(pod: Pod): PendingPod {
    const { metadata, status } = pod;
    return {
      ...this.placed(pod),
      resourceVersion: metadata.resourceVersion,
      generation: metadata.generation,
      nominatedNode: status?.nominatedNodeName || undefined,
      claims: claimsOf(pod),
    };
  }

  #demandOf(pod: Pod): Demand {
    const key = demandKeyOf(pod);
    let demand = this.#demands.get(key);
    if (!demand) {
      demand = demandFrom(pod, ++this.#made);
      if (this.#demands.size >= memoLimit) this.#demands.clear();
      this.#demands.set(key, demand);
    }
    return demand;
  }

  #groupOf({ metadata: { namespace = '', labels = {} } }: Pod, isTerminating: boolean): LabelGroup {
    const key = `${isTerminating ? '-' : '+'}${namespace}/${JSON.stringify(labels)}`;
    let group = this.#groups.get(key);
    if (!group) {
      group = { id: ++this.#made, namespace, labels, isTerminating };
      if (this.#groups.size >= memoLimit) this.#groups.clear();
      this.#groups.set(key, group);
    }
    return group;
  }
}

function spreadOwnerOf({ metadata }: Pod): string | undefined {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  return owner && spreadOwners.has(owner.kind) ? owner.uid : undefined;
}

function isPreempted({ status }: Pod): boolean {
  const target = status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  return target?.status === 'True' && target.reason === 'PreemptionByScheduler';
}

function claimsOf({ metadata, spec }: Pod): PodClaim[] {
  const claims: PodClaim[] = [];
  for (const { name, persistentVolumeClaim, ephemeral } of spec.volumes ?? []) {
    if (persistentVolumeClaim) claims.push({ name: persistentVolumeClaim.claimName, isEphemeral: false });
    else if (ephemeral) claims.push({ name: `${metadata.name}-${name}`, isEphemeral: true });
  }
  return claims;
}
