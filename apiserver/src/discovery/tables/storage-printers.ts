import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  KubeObject,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from '@slipway/api/types';
import { age, nameOf } from './cells.ts';
import { boolean, definePrinter, integer, wide } from './printer.ts';

export const persistentVolumePrinter = definePrinter<PersistentVolume>(
  [
    'Name',
    'Capacity',
    'Access Modes',
    'Reclaim Policy',
    'Status',
    'Claim',
    'StorageClass',
    'VolumeAttributesClass',
    'Reason',
    'Age',
    wide('VolumeMode'),
  ],
  (volume, nowMs) => {
    const { spec, status } = volume;
    return [
      nameOf(volume),
      spec.capacity?.storage ?? '0',
      accessModes(spec.accessModes),
      spec.persistentVolumeReclaimPolicy ?? '',
      phase(volume, status?.phase),
      spec.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : '',
      storageClassName(volume, spec.storageClassName),
      spec.volumeAttributesClassName ?? '<unset>',
      status?.reason ?? '',
      age(volume, nowMs),
      spec.volumeMode ?? '<unset>',
    ];
  },
);

export const persistentVolumeClaimPrinter = definePrinter<PersistentVolumeClaim>(
  [
    'Name',
    'Status',
    'Volume',
    'Capacity',
    'Access Modes',
    'StorageClass',
    'VolumeAttributesClass',
    'Age',
    wide('VolumeMode'),
  ],
  (claim, nowMs) => {
    const { spec, status } = claim;
    const bound = Boolean(spec.volumeName);
    return [
      nameOf(claim),
      phase(claim, status?.phase),
      spec.volumeName ?? '',
      bound ? (status?.capacity?.storage ?? '0') : '',
      bound ? accessModes(status?.accessModes) : '',
      storageClassName(claim, spec.storageClassName),
      spec.volumeAttributesClassName ?? '<unset>',
      age(claim, nowMs),
      spec.volumeMode ?? '<unset>',
    ];
  },
);

function phase(object: KubeObject, stored: string | undefined): string {
  return object.metadata.deletionTimestamp === undefined ? (stored ?? '') : 'Terminating';
}

const shortModes = { ReadWriteOnce: 'RWO', ReadOnlyMany: 'ROX', ReadWriteMany: 'RWX', ReadWriteOncePod: 'RWOP' };

function accessModes(modes: readonly string[] | undefined): string {
  return Object.entries(shortModes)
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',');
}

function storageClassName(object: KubeObject, name: string | undefined): string {
  return object.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? name ?? '';
}

export const storageClassPrinter = definePrinter<StorageClass>(
  ['Name', 'Provisioner', 'ReclaimPolicy', 'VolumeBindingMode', 'AllowVolumeExpansion', 'Age'],
  (storageClass, nowMs) => [
    markDefault(
      storageClass,
      'storageclass.kubernetes.io/is-default-class',
      'storageclass.beta.kubernetes.io/is-default-class',
    ),
    storageClass.provisioner,
    storageClass.reclaimPolicy ?? 'Delete',
    storageClass.volumeBindingMode ?? 'Immediate',
    storageClass.allowVolumeExpansion ?? false,
    age(storageClass, nowMs),
  ],
);

export const volumeAttributesClassPrinter = definePrinter<VolumeAttributesClass>(
  ['Name', 'DriverName', 'Age'],
  (attributesClass, nowMs) => [
    markDefault(attributesClass, 'volumeattributesclass.alpha.kubernetes.io/is-default-class'),
    attributesClass.driverName,
    age(attributesClass, nowMs),
  ],
);

function markDefault(object: KubeObject, ...annotations: string[]): string {
  const isDefault = annotations.some((annotation) => object.metadata.annotations?.[annotation] === 'true');
  return isDefault ? `${nameOf(object)} (default)` : nameOf(object);
}

export const volumeAttachmentPrinter = definePrinter<VolumeAttachment>(
  ['Name', 'Attacher', 'PV', 'Node', boolean('Attached'), 'Age'],
  (attachment, nowMs) => [
    nameOf(attachment),
    attachment.spec.attacher,
    attachment.spec.source.persistentVolumeName ?? '',
    attachment.spec.nodeName,
    attachment.status?.attached ?? false,
    age(attachment, nowMs),
  ],
);

export const csiNodePrinter = definePrinter<CSINode>(['Name', integer('Drivers'), 'Age'], (node, nowMs) => [
  nameOf(node),
  node.spec.drivers.length,
  age(node, nowMs),
]);

export const csiDriverPrinter = definePrinter<CSIDriver>(
  [
    'Name',
    boolean('AttachRequired'),
    boolean('PodInfoOnMount'),
    boolean('StorageCapacity'),
    'TokenRequests',
    boolean('RequiresRepublish'),
    'Modes',
    'Age',
  ],
  (driver, nowMs) => {
    const { spec } = driver;
    return [
      nameOf(driver),
      spec.attachRequired ?? true,
      spec.podInfoOnMount ?? false,
      spec.storageCapacity ?? false,
      spec.tokenRequests?.map(({ audience }) => audience).join(',') ?? '<unset>',
      spec.requiresRepublish ?? false,
      (spec.volumeLifecycleModes ?? []).join(',') || '<none>',
      age(driver, nowMs),
    ];
  },
);

export const csiStorageCapacityPrinter = definePrinter<CSIStorageCapacity>(
  ['Name', 'StorageClassName', 'Capacity'],
  (capacity) => [nameOf(capacity), capacity.storageClassName, capacity.capacity ?? '<unset>'],
);
