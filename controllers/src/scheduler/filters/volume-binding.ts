/**
 * Claims that the pod mounts: whether they are there and bound, and whether the node can reach their volumes. Binding
 * unbound claims is the work of controllers; a pod waits for it.
 */
import type { PersistentVolume, PersistentVolumeClaim } from '@slipway/api/types';
import type { ClusterView } from '../cluster/cluster-state.ts';
import { type Blocked, type Filter, type NodeCheck, rejection } from '../cycle/filter.ts';
import { type NodeSelection, selectionOfTerms } from '../pods/matchers.ts';
import type { PendingPod, PodClaim } from '../pods/pod-info.ts';

const unreachable = rejection("node(s) didn't match PersistentVolume's node affinity", false);
const lost = rejection('node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)', false);
const noVolume = rejection("node(s) didn't find available persistent volumes to bind", false);

type ClaimState =
  | Blocked
  | { readonly volumeName: string }
  /** Waits for the first pod that uses it. */
  | { readonly isDelayed: true };

const unbound: Blocked = { blocked: 'pod has unbound immediate PersistentVolumeClaims' };

function stateOf({ name, isEphemeral }: PodClaim, { namespace }: PendingPod, { volumes }: ClusterView): ClaimState {
  const claim = volumes.claim(namespace, name);
  if (!claim) {
    const blocked = isEphemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : `persistentvolumeclaim "${name}" not found`;
    return { blocked };
  }
  const volumeName = claim.spec?.volumeName;
  if (claim.status?.phase === 'Lost')
    return { blocked: `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volumeName}"` };
  if (claim.metadata.deletionTimestamp) return { blocked: `persistentvolumeclaim "${name}" is being deleted` };
  if (volumeName && isAgreed(claim)) return { volumeName };
  const className = claim.spec?.storageClassName ?? '';
  const isDelayed = volumes.storageClass(className)?.volumeBindingMode === 'WaitForFirstConsumer';
  return isDelayed ? { isDelayed } : unbound;
}

/** A claim that names its volume itself is bound once a controller has agreed. */
function isAgreed({ metadata, status }: PersistentVolumeClaim): boolean {
  return status?.phase === 'Bound' || metadata.annotations?.['pv.kubernetes.io/bind-completed'] !== undefined;
}

function reachOf({ spec }: PersistentVolume): NodeSelection | undefined {
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms;
  return terms && selectionOfTerms(terms);
}

function prepare(pod: PendingPod, cluster: ClusterView): NodeCheck | Blocked | undefined {
  if (pod.claims.length === 0) return undefined;
  const states = pod.claims.map((claim) => stateOf(claim, pod, cluster));
  const blocked = states.find((state) => 'blocked' in state);
  if (blocked) return blocked;
  const bound = states.flatMap((state) => ('volumeName' in state ? [cluster.volumes.volume(state.volumeName)] : []));
  if (bound.includes(undefined)) return { reject: () => lost };
  if (states.some((state) => 'isDelayed' in state)) return { reject: () => noVolume };
  const reaches = bound.flatMap((volume) => (volume && reachOf(volume)) ?? []);
  if (reaches.length === 0) return undefined;
  return { reject: (node) => (reaches.every(({ matches }) => matches(node)) ? undefined : unreachable) };
}

export const volumeBinding: Filter = {
  name: 'VolumeBinding',
  isLocal: false,
  prepare,
  mayHelp: (pod, event) => {
    switch (event.kind) {
      case 'claimChanged':
        return event.namespace === pod.namespace && pod.claims.some(({ name }) => name === event.name);
      case 'volumeChanged':
      case 'storageClassChanged':
      case 'nodeAdded':
        return true;
      case 'nodeChanged':
        return event.changes.labels;
      default:
        return false;
    }
  },
};
