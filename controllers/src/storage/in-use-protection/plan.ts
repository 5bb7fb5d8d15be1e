/** A volume or a claim that is being deleted goes when nothing uses it any more: then its finalizer is taken off. */
import type { KubeObject, PersistentVolume, PersistentVolumeClaim, Pod } from '@slipway/api/types';
import type { Kind } from '@slipway/client/kinds';
import type { Plan } from '../../runtime/step.ts';

export const claimFinalizer = 'kubernetes.io/pvc-protection';
export const volumeFinalizer = 'kubernetes.io/pv-protection';

export function planClaim(
  { claim, pods }: { readonly claim: PersistentVolumeClaim; readonly pods: readonly Pod[] },
  kind: Kind,
): Plan {
  // A pod that no node has yet will find the claim on its way out and not start.
  const isUsed = pods.some(({ spec }) => spec.nodeName);
  return released(claim, kind, claimFinalizer, isUsed);
}

export function planVolume({ volume }: { readonly volume: PersistentVolume }, kind: Kind): Plan {
  return released(volume, kind, volumeFinalizer, volume.status?.phase === 'Bound');
}

function released(object: KubeObject, kind: Kind, finalizer: string, isUsed: boolean): Plan {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  if (!deletionTimestamp || !finalizers.includes(finalizer) || isUsed) return { steps: [], status: 'unchanged' };
  const rest = finalizers.filter((name) => name !== finalizer);
  const patch = { metadata: { finalizers: rest.length > 0 ? rest : null } };
  return { steps: [{ op: 'patch', kind, target: object, patch }], status: 'unchanged' };
}

/** Names of the claims that a pod mounts, the ones made for it included. */
export function claimsOf({ metadata, spec }: Pod): string[] {
  return (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim) return [persistentVolumeClaim.claimName];
    return ephemeral ? [`${metadata.name}-${name}`] : [];
  });
}
