import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '@slipway/api/types';

/** Claims, volumes and classes as they are now. */
export interface VolumeView {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  storageClass(name: string): StorageClass | undefined;
}

export const noVolumes: VolumeView = {
  claim: () => undefined,
  volume: () => undefined,
  storageClass: () => undefined,
};
