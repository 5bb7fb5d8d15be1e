import { isStatus } from '@slipway/api/status-error';
import type { PersistentVolume, PersistentVolumeClaim } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import type { ControlPlane } from './control-plane.ts';

/** Stands for a provisioner and the binding of volumes: each claim gets a volume at once. Returns how to stop. */
export function startScriptedVolumes({ manager, client, signal }: ControlPlane): () => Promise<void> {
  const inWork = new Set<Promise<void>>();
  const bind = async (claim: PersistentVolumeClaim) => {
    const { namespace, name = '', uid } = claim.metadata;
    const ref = { namespace, name };
    const volume = volumeFor(claim);
    const bound = { 'pv.kubernetes.io/bind-completed': 'yes' };
    const patch = { metadata: { uid, annotations: bound }, spec: { volumeName: volume.metadata.name } };
    try {
      await client.create(kinds.persistentVolumes, volume, { signal });
      await client.patch(kinds.persistentVolumeClaims, ref, patch, { signal });
      const status = { phase: 'Bound', accessModes: claim.spec.accessModes, capacity: volume.spec.capacity };
      await client.patch(kinds.persistentVolumeClaims, ref, { status }, { signal, subresource: 'status' });
    } catch (error) {
      if (!isStatus(error, 'NotFound', 'Conflict', 'AlreadyExists')) throw error;
    }
  };
  const stop = manager.caches.of(kinds.persistentVolumeClaims).subscribe((changes) => {
    for (const { before, after } of changes) {
      if (before || !after) continue;
      const done = bind(after).finally(() => inWork.delete(done));
      inWork.add(done);
    }
  });
  return async () => {
    stop();
    await Promise.all(inWork);
  };
}

function volumeFor(claim: PersistentVolumeClaim): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `pv-${claim.metadata.uid}` },
    spec: {
      capacity: { storage: claim.spec.resources?.requests?.storage ?? '1Gi' },
      accessModes: claim.spec.accessModes ?? [],
      hostPath: { path: `/tmp/${keyOf(claim)}` },
    },
  };
}
