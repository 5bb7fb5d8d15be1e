import { formatQuantity, tryParseQuantity } from '../quantity.ts';
import type { ProjectedVolumeSource, Volume } from '../types.ts';
import { pullPolicyOf } from './container.ts';
import { canonicalResources } from './resource-list.ts';

/** rw-r--r-- */
const fileMode = 0o644;

export function defaultVolume(volume: Volume): void {
  const { secret, configMap, downwardAPI, projected, hostPath, emptyDir, ephemeral, image } = volume;
  if (secret) secret.defaultMode ??= fileMode;
  else if (configMap) configMap.defaultMode ??= fileMode;
  else if (projected) defaultProjected(projected);
  else if (hostPath) hostPath.type ??= '';
  else if (downwardAPI) {
    downwardAPI.defaultMode ??= fileMode;
    defaultDownwardItems(downwardAPI.items);
  } else if (emptyDir) {
    const limit = emptyDir.sizeLimit === undefined ? undefined : tryParseQuantity(emptyDir.sizeLimit);
    const canonical = limit && formatQuantity(limit);
    if (canonical && canonical !== emptyDir.sizeLimit) emptyDir.sizeLimit = canonical;
  } else if (image) image.pullPolicy ||= pullPolicyOf(image.reference ?? '');
  else if (ephemeral) {
    const claim = ephemeral.volumeClaimTemplate?.spec;
    if (claim) claim.volumeMode ??= 'Filesystem';
    if (claim?.resources) canonicalResources(claim.resources);
  } else if (!hasSource(volume)) volume.emptyDir = {};
  else defaultNetworkDisk(volume);
}

function hasSource(volume: Volume): boolean {
  for (const [field, value] of Object.entries(volume)) if (field !== 'name' && value !== undefined) return true;
  return false;
}

function defaultProjected(projected: ProjectedVolumeSource): void {
  projected.defaultMode ??= fileMode;
  for (const { serviceAccountToken, downwardAPI } of projected.sources ?? []) {
    if (serviceAccountToken) serviceAccountToken.expirationSeconds ??= 3600;
    defaultDownwardItems(downwardAPI?.items);
  }
}

type DownwardItems = NonNullable<Volume['downwardAPI']>['items'];

function defaultDownwardItems(items: DownwardItems): void {
  for (const { fieldRef, resourceFieldRef } of items ?? []) {
    if (fieldRef) fieldRef.apiVersion ||= 'v1';
    if (resourceFieldRef) resourceFieldRef.divisor ||= '0';
  }
}

/** Disks that a pod's volume and a PersistentVolume describe alike. */
type NetworkDisks = Pick<Volume, 'iscsi' | 'rbd' | 'azureDisk' | 'scaleIO'>;

/** No node of ours mounts these; their defaults are part of the API all the same. */
export function defaultNetworkDisk({ iscsi, rbd, azureDisk, scaleIO }: NetworkDisks): void {
  if (iscsi) iscsi.iscsiInterface ||= 'default';
  if (rbd) {
    rbd.pool ||= 'rbd';
    rbd.user ||= 'admin';
    rbd.keyring ||= '/etc/ceph/keyring';
  }
  if (azureDisk) {
    azureDisk.cachingMode ??= 'ReadWrite';
    azureDisk.kind ??= 'Shared';
    azureDisk.fsType ??= 'ext4';
    azureDisk.readOnly ??= false;
  }
  if (scaleIO) {
    scaleIO.storageMode ||= 'ThinProvisioned';
    scaleIO.fsType ||= 'xfs';
  }
}
