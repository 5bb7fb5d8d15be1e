import type { PersistentVolumeClaim } from '@slipway/api/types';
import type { AdmissionPlugin } from '../plugin.ts';
import { defaultClass } from './default-classes.ts';

const defaultStorageClassOf = defaultClass({ group: 'storage.k8s.io', resource: 'storageclasses' }, [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
]);
const olderAnnotation = 'volume.beta.kubernetes.io/storage-class';

/** A claim that names no class gets the default one, when there is one. The empty name means none, and is kept. */
export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  on: [{ operations: ['CREATE'], group: '', resources: ['persistentvolumeclaims'] }],

  mutate({ draft }, { objects }) {
    const claim = draft as PersistentVolumeClaim | undefined;
    if (!claim?.spec || claim.spec.storageClassName !== undefined) return;
    if (claim.metadata.annotations?.[olderAnnotation] !== undefined) return;
    const { name } = defaultStorageClassOf.of(objects);
    if (name !== undefined) claim.spec.storageClassName = name;
  },
};
