import { compareQuantities, tryParseQuantity } from '@slipway/api/quantity';
import type { PersistentVolumeClaim, StorageClass } from '@slipway/api/types';
import { forbidden } from '../../registry/status-errors.ts';
import type { AdmissionPlugin } from '../plugin.ts';

const claims = { group: '', resource: 'persistentvolumeclaims' };

/** A claim grows only when its class says that its volumes can. */
export const persistentVolumeClaimResize: AdmissionPlugin = {
  name: 'PersistentVolumeClaimResize',
  on: [{ operations: ['UPDATE'], group: '', resources: ['persistentvolumeclaims'] }],

  validate({ draft, old }, { read }) {
    const claim = draft as PersistentVolumeClaim | undefined;
    const before = old as PersistentVolumeClaim | undefined;
    if (!claim || !before || !isLarger(claim, before)) return;
    const name = claim.metadata.name ?? '';
    if (before.status?.phase !== 'Bound') {
      throw forbidden(claims, name, 'only bound persistent volume claims can be expanded');
    }
    const className = claim.spec.storageClassName;
    const found = className ? read('storageclasses', 'storage.k8s.io', undefined, className) : undefined;
    if ((found as StorageClass | undefined)?.allowVolumeExpansion) return;
    throw forbidden(
      claims,
      name,
      'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    );
  },
};

function isLarger(claim: PersistentVolumeClaim, before: PersistentVolumeClaim): boolean {
  const wanted = tryParseQuantity(claim.spec.resources?.requests?.storage ?? '');
  const had = tryParseQuantity(before.spec.resources?.requests?.storage ?? '');
  return wanted !== undefined && had !== undefined && compareQuantities(wanted, had) > 0;
}
